# SPDX-License-Identifier: Apache-2.0
# Prints a workbook as JSON, as openpyxl reads it: {"sheets": {title: [[{"v": value, "t": type}, …], …]}}. A row that ends
# early, as empty cells are not written, is as long as the first.
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


def cells(sheet):
    rows = [[{"v": plain(cell.value), "t": cell.data_type if cell.value is not None else None} for cell in row] for row in sheet.iter_rows()]
    return [row + [{"v": None, "t": None}] * (len(rows[0]) - len(row)) for row in rows]


book = openpyxl.load_workbook(sys.argv[1], read_only=True)
json.dump({"sheets": {sheet.title: cells(sheet) for sheet in book.worksheets}}, sys.stdout)
