-- Whether the last digit of a number is its Luhn check digit; it is of an empty text.
CREATE OR REPLACE FUNCTION partywall_luhn AS (number) ->
    arraySum(
        (digit, at) -> if(at % 2 = 0, 2 * digit - if(digit > 4, 9, 0), digit),
        arrayReverse(arrayMap(sign -> toInt32(sign), extractAll(number, '[0-9]'))),
        arrayEnumerate(extractAll(number, '[0-9]'))) % 10 = 0
