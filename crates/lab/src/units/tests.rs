use proptest::prelude::*;

use super::*;

#[test]
fn what_people_write_is_understood() {
    assert_eq!("250ms".parse(), Ok(Span(Duration::from_millis(250))));
    assert_eq!("1.5 min".parse(), Ok(Span(Duration::from_secs(90))));
    assert_eq!("8 MiB".parse(), Ok(Size(8 << 20)));
    assert_eq!("20 Mbit/s".parse(), Ok(Rate(2.5e6)));
    assert_eq!("2.5 MB/s".parse(), Ok(Rate(2.5e6)));
    assert_eq!("30 /min".parse(), Ok(Frequency(0.5)));
    assert_eq!("-1.5 s".parse(), Ok(Skew(-1_500_000_000)));
}

#[test]
fn a_wrong_unit_is_answered_with_the_right_ones() {
    assert_eq!("5 parsecs".parse::<Span>(), Err("`parsecs` is not a unit of a duration: use one of ns, us, ms, s, min, h, d".into()));
    assert!("fast".parse::<Rate>().unwrap_err().contains("bit/s"));
    assert!("-5 s".parse::<Span>().is_err());
    assert!("0 bit/s".parse::<Rate>().is_err());
    assert!("0 /s".parse::<Frequency>().unwrap_err().contains("above zero"));
    assert!("-5 /s".parse::<Frequency>().unwrap_err().contains("/min"));
    assert!("99999999 d".parse::<Span>().unwrap_err().contains("century"));
    for nonsense in [".", "", "1.2.3 s", "s", ". s", "99999999999999999999999 s"] {
        assert!(nonsense.parse::<Span>().is_err(), "{nonsense:?}");
    }
}

#[test]
fn sizes_are_shown_in_the_unit_people_would_use() {
    assert_eq!(Size(999).to_string(), "999 B");
    assert_eq!(Size(1_572_864).to_string(), "1.5 MiB");
}

#[test]
fn what_is_written_is_what_a_person_would_write() {
    let span = |nanos| Span(Duration::from_nanos(nanos)).to_string();
    assert_eq!([span(0), span(250_000_000), span(12_500_000_000), span(120_000_000_000)], ["0 s", "250 ms", "12.5 s", "2 min"]);
    assert_eq!([span(1), span(1_000_000_001), span(86_400_000_000_000)], ["1 ns", "1.000000001 s", "1 d"]);
    assert_eq!([Size(8 << 20).exactly(), Size(1_572_864).exactly(), Size(1_000_000).exactly()], ["8 MiB", "1536 KiB", "1 MB"]);
    assert_eq!([Rate(2.5e6).to_string(), Rate(0.25).to_string()], ["20 Mbit/s", "2 bit/s"]);
    assert_eq!([Skew(-2_000_000).to_string(), Share(0.07).to_string()], ["-2 ms", "7 %"]);
}

proptest! {
    #[test]
    fn what_is_written_reads_as_the_same(nanos in 0u64..3_000_000_000_000_000_000, bytes: u64, rate in 1e-3f64..1e12, often in 1e-6f64..1e9) {
        prop_assert_eq!(Span(Duration::from_nanos(nanos)).to_string().parse(), Ok(Span(Duration::from_nanos(nanos))));
        prop_assert_eq!(Skew(-(nanos as i64)).to_string().parse(), Ok(Skew(-(nanos as i64))));
        prop_assert_eq!(Size(bytes).exactly().parse(), Ok(Size(bytes)));
        prop_assert_eq!(Rate(rate).to_string().parse(), Ok(Rate(rate)));
        prop_assert_eq!(Frequency(often).to_string().parse(), Ok(Frequency(often)));
    }
}
