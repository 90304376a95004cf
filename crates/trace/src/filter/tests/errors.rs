//! What is refused, and what is said about it: pages that somebody reads at a prompt.

use super::super::{Filter, FilterError, MAX_LENGTH, Problem};

fn error(text: &str) -> FilterError {
    match text.parse::<Filter>() {
        Ok(filter) => panic!("`{text}` is a filter: {filter}"),
        Err(why) => why,
    }
}

/// Every page of `pages` is what is said about its first line.
pub(super) fn say(pages: &str) {
    for page in pages.trim().split("\n\n") {
        assert_eq!(error(page.lines().next().unwrap_or_default()).to_string(), page);
    }
}

#[test]
fn a_word_that_names_no_column_is_answered_with_those_that_there_are() {
    say(r#"
proto == kad && tpye == FIND_NODE
                ^^^^ there is no column `tpye`: did you mean `type`? Columns: seq, time, peer, other, from, to, cause, kind, type, proto, size, why, operation, and fields.NAME for the contents

Peer == 3
^^^^ there is no column `Peer`: did you mean `peer`? Columns: seq, time, peer, other, from, to, cause, kind, type, proto, size, why, operation, and fields.NAME for the contents

größe > 3
^^^^^ there is no column `größe`. Columns: seq, time, peer, other, from, to, cause, kind, type, proto, size, why, operation, and fields.NAME for the contents

kad && size > 1KiB
^^^ there is no column `kad`: did you mean `proto == kad`? Columns: seq, time, peer, other, from, to, cause, kind, type, proto, size, why, operation, and fields.NAME for the contents

FIND_NODE
^^^^^^^^^ there is no column `FIND_NODE`: did you mean `type == FIND_NODE`? Columns: seq, time, peer, other, from, to, cause, kind, type, proto, size, why, operation, and fields.NAME for the contents

sent or received
^^^^ there is no column `sent`: did you mean `kind == sent`? Columns: seq, time, peer, other, from, to, cause, kind, type, proto, size, why, operation, and fields.NAME for the contents

search timeout
^^^^^^ there is no column `search`: did you mean `any ~`? Columns: seq, time, peer, other, from, to, cause, kind, type, proto, size, why, operation, and fields.NAME for the contents

field.why
^^^^^^^^^ there is no column `field.why`: did you mean `fields.why`? Columns: seq, time, peer, other, from, to, cause, kind, type, proto, size, why, operation, and fields.NAME for the contents

fields == 3
^^^^^^ `fields` names no field: write `fields.` and a name of letters, digits and `_`, as in `fields.target`

fields.a-b == 3
^^^^^^^^^^ `fields.a-b` names no field: write `fields.` and a name of letters, digits and `_`, as in `fields.target`

'kad'
^^^^^ a condition, as in `peer == 7`, should stand here, not `'kad'`

3 < seq
^ a column (columns stand on the left, values on the right) should stand here, not `3`
"#);
}

#[test]
fn a_value_that_the_column_never_has_is_refused() {
    say(r#"
time > 3
       ^ `3` is no time: it needs a unit, as in `3s`; there are ns, us, ms, s, min, h

time > 3x
       ^^ `3x` is no time: there are ns, us, ms, s, min, h

time > 3Ms
       ^^^ `3Ms` is no time: did you mean `3ms`? There are ns, us, ms, s, min, h

time == soon
        ^^^^ `soon` is no time: write a number and a unit, as in `3s`; there are ns, us, ms, s, min, h

size > 1.5
       ^^^ `1.5` is no size: it needs a unit, as in `1.5KiB`; there are B, KiB, MiB, GiB, kB, MB, GB

size > 3kib
       ^^^^ `3kib` is no size: did you mean `3KiB`? There are B, KiB, MiB, GiB, kB, MB, GB

size > 99999999999GiB
       ^^^^^^^^^^^^^^ `99999999999GiB` is too large for a size of 64 bits

kind == snt
        ^^^ `snt` is no kind of record: did you mean `sent`? There are up, down, command, event, timer, sent, received, dropped, unreachable, link_up, link_down, step, fault

kind == 'snt'
        ^^^^^ `snt` is no kind of record: did you mean `sent`? There are up, down, command, event, timer, sent, received, dropped, unreachable, link_up, link_down, step, fault

kind == FIND_NODE
        ^^^^^^^^^ `FIND_NODE` is no kind of record: there are up, down, command, event, timer, sent, received, dropped, unreachable, link_up, link_down, step, fault

proto == kda
         ^^^ `kda` is no protocol of Peerglass: did you mean `kad`? There are kad, transfer; one of your own stands in quotes, as in `proto == "kda"`

proto == bitswap
         ^^^^^^^ `bitswap` is no protocol of Peerglass: there are kad, transfer; one of your own stands in quotes, as in `proto == "bitswap"`

operation == kad
             ^^^ `kad` is no operation: write `operation == kad#7` for one, `proto == kad && kind == step` for all of a protocol

peer == me
        ^^ `me` is no peer: write `7` or `p7`

peer == p99999999999
        ^^^^^^^^^^^^ `p99999999999` is too large for the number of a peer, which has 32 bits

seq == -1
       ^^ `-1` is no number of a record: write digits, as in `seq == 17`

fields.x == 99999999999999999999
            ^^^^^^^^^^^^^^^^^^^^ `99999999999999999999` is too large for a number of 64 bits
"#);
}

#[test]
fn an_operator_that_does_not_fit_is_answered_with_one_that_does() {
    say(r#"
type < a
     ^ `type` is text, which has no order: there are ==, !=, in {…}, contains, ^= (begins with) and ~ (search)

type in a..b
         ^^ `type` is text, which has no order: there are ==, !=, in {…}, contains, ^= (begins with) and ~ (search)

fields.x < abc
         ^ `fields.x` is compared with what has no order: there are ==, !=, in {…}, contains, ^= (begins with) and ~ (search)

peer contains 3
     ^^^^^^^^ `peer` is no text and no list: there are ==, !=, <, <=, >, >= and in

time ~ 3
     ^ `time` is no text and no list: there are ==, !=, <, <=, >, >= and in

peer in 7
        ^ a range such as `3..9` or a set such as `{1, 4, 9}` should stand here, not `7`

peer in {}
         ^ a value should stand here, not `}`

peer in {1, 2
             ^ `,` or `}` should stand here, not the end

peer in 9..3
        ^^^^ nothing is in the range `9..3`: did you mean `3..9`?

peer in 3..3
        ^^^^ nothing is in the range `3..3`: `..` leaves its end out, `3..=3` takes it in

peer in 3..
           ^ a value should stand here, not the end

fields.x in 1..2s
            ^^^^^ a range between two values of one type should stand here, not `1..2s`

any == 3
    ^^ `~`, as in `any ~ "timeout"`, should stand here, not `==`

any ~ ''
      ^^ what to search for should stand here, not `''`

peer not in {1}
     ^^^ `peer` cannot be followed by `not`: `not` stands before the whole condition, as in `not peer in …`

type starts_with GET
     ^^^^^^^^^^^ `^=` should stand here, not `starts_with`

peer eq 3
     ^^ `==` should stand here, not `eq`
"#);
}

#[test]
fn what_is_missing_or_too_much_is_named() {
    say(r#"
peer ==
       ^ a value should stand here, not the end

peer = 3
     ^ `=` means nothing here: did you mean `==`?

peer == 3 peer == 4
          ^^^^ `&&`, `||` or the end should stand here, not `peer`

peer == 3 &
          ^ `&` means nothing here: did you mean `&&`?

(peer == 3
          ^ `&&`, `||` or `)` should stand here, not the end

peer == 3)
         ^ `&&`, `||` or the end should stand here, not `)`

peer == 3 &&
            ^ a condition, as in `peer == 7`, should stand here, not the end

and peer == 3
^^^ a condition, as in `peer == 7`, should stand here, not `and`

why == "loss
       ^^^^^ the quote that opens here is not closed

why == 'a\d'
         ^^ `\d` means nothing: in quotes there are \" \' \\ \n \r and \t

type == FIND*
            ^ `*` means nothing here: there are no wildcards, but `^=` (begins with) and `~` (contains, whatever the case)

peer in [1]
        ^ `[` means nothing here: a set stands in braces, as in `peer in {1, 4, 9}`

type == GET_VALUE, type == VALUE
                 ^ `&&`, `||` or the end should stand here, not `,`
"#);
}

#[test]
fn an_empty_filter_is_answered_with_an_example() {
    for text in ["", " \n "] {
        assert_eq!(error(text).to_string(), "the filter is empty: say what to keep, as in `kind == sent && size > 1KiB`");
    }
}

#[test]
fn of_several_lines_the_wrong_one_is_shown() {
    let why = error("peer == 3\n\t&& tme > 2s\n&& seq > 1");
    assert!(why.to_string().starts_with(" && tme > 2s\n    ^^^ there is no column `tme`: did you mean `time`?"), "{why}");
    assert_eq!((&why.text()[why.span()], why.span()), ("tme", 14..17));
}

#[test]
fn of_a_long_line_the_surroundings_are_shown() {
    let many = "peer == 1 || ".repeat(1_000);
    let why = error(&format!("{many}pear == 1{}", " || peer == 1".repeat(1_000))).to_string();
    let lines: Vec<&str> = why.lines().collect();
    assert!(lines[0].starts_with('…') && lines[0].ends_with('…') && lines[0].chars().count() < 140, "{why}");
    let column = lines[1].find('^').unwrap_or_default();
    assert_eq!(lines[0].chars().skip(column).take(4).collect::<String>(), "pear");
    let quote = error(&format!("why == \"{}", "x".repeat(500))).to_string();
    assert!(quote.lines().all(|line| line.chars().count() < 150), "{quote}");
    for text in ["peer == X", "proto == X", "X == 3", "fields.-X", "seq in X..3", "peer == 3 X", "size == 9X"] {
        let why = error(&text.replace('X', &"x".repeat(5_000))).to_string();
        assert!(why.chars().count() < 600, "{why}");
    }
}

#[test]
fn a_text_that_is_too_long_is_not_kept() {
    let why = error(&"x".repeat(MAX_LENGTH + 1));
    assert_eq!((why.problem(), why.text(), why.span()), (&Problem::TooLong { length: MAX_LENGTH + 1 }, "", 0..0));
    assert_eq!(why.to_string(), "the filter has 65537 bytes, and 65536 are the most: use ranges such as `peer in 3..9` in place of long lists");
}

#[test]
fn terminals_are_not_written_to_by_what_is_refused() {
    let why = error("why == 3 \u{1b}[2J").to_string();
    assert!(!why.contains('\u{1b}'), "{why:?}");
    let why = error("\u{1b}").to_string();
    assert!(!why.contains('\u{1b}'), "{why:?}");
    let why = error("kind == \"\u{1b}[2J\"").to_string();
    assert!(!why.contains('\u{1b}'), "{why:?}");
    let why = error("type == a..\"\u{1b}\"").to_string();
    assert!(!why.contains('\u{1b}'), "{why:?}");
}
