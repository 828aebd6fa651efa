"""The school agent: a program at the school that reads its exports and answers the hub (docs/sources.md).

Law: what names a student is read here, kept in this process's memory, and given to who asks by its number over one
connection. It is in no file, no log line, no message and no repr.
"""
