-- Which roaming partner issued a token, and two kinds more: for one charge without a contract, and of a roaming partner.
alter table charging.token
        add column partner text,
        drop constraint token_kind_check,
        add constraint token_kind_check check (kind between 0 and 4);
