#include "db/pool.h"
void committed(const bb_tenant *tenant, int32_t flags)
{
        (void)tenant, (void)flags;
}
