# SPDX-License-Identifier: Apache-2.0
# Prints a workbook as JSON, as openpyxl reads it: {"sheets": {title: [[{"v": value, "t": type}, …], …]}}.
import datetime
import json
import sys

import openpyxl


def plain(value):
    if isinstance(value, (datetime.datetime, datetime.time, datetime.date)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    return value


book = openpyxl.load_workbook(sys.argv[1], read_only=True)
json.dump(
    {
        "sheets": {
            sheet.title: [[{"v": plain(cell.value), "t": cell.data_type if cell.value is not None else None} for cell in row] for row in sheet.iter_rows()]
            for sheet in book.worksheets
        }
    },
    sys.stdout,
)
