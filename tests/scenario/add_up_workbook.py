# SPDX-License-Identifier: Apache-2.0
# Reads a workbook row by row with openpyxl and prints as JSON its sheets with their rows, the sums of columns of numbers
# by title, and how often a whole number of the column that is named came twice.
import json
import sys

import openpyxl

path, key = sys.argv[1:]
sheets, sums, seen, twice = [], {}, bytearray(), 0
for sheet in openpyxl.load_workbook(path, read_only=True).worksheets:
    rows = sheet.iter_rows(values_only=True)
    titles = next(rows)
    count = 0
    if key in titles:
        numbers = list(enumerate(titles))
        at = titles.index(key)
        for row in rows:
            count += 1
            number = row[at]
            if number >= len(seen):
                seen.extend(bytes(number + 1000000 - len(seen)))
            twice += seen[number]
            seen[number] = 1
            for i, title in numbers[:len(row)]:  # it ends with its last cell that is not empty
                if isinstance(row[i], (int, float)) and not isinstance(row[i], bool):
                    sums[title] = sums.get(title, 0) + round(row[i] * 1000)
    sheets.append({"title": sheet.title, "rows": count, "columns": [t for t in titles if t]})
json.dump({"sheets": sheets, "thousandths": sums, "different": sum(seen), "twice": twice}, sys.stdout)
