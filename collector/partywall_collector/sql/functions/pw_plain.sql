-- What a text says: the strings of a JSON text without its escapes, any other text as it is.
CREATE OR REPLACE FUNCTION pw_plain AS (text) -> if(
    match(text, '^[ \\t\\r\\n]*[\\[{"]') AND isValidJSON(text),
    arrayStringConcat(pw_strings(text), '\n'),
    text)
