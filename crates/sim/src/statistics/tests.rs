//! Known samples, and whether intervals hold the truth as often as they say.

use super::*;

#[test]
fn moments_of_a_small_sample_are_exact() {
    let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
    assert!((mean(&values) - 5.0).abs() < 1e-12 && (deviation(&values) - (32.0f64 / 7.0).sqrt()).abs() < 1e-12);
    assert_eq!((median(&values), median(&[3.0, 1.0, 2.0]), median(&[])), (Some(4.0), Some(2.0), None));
    assert!(mean(&[]) == 0.0 && deviation(&[1.0]) == 0.0);
}

/// Ten measurements: 3.2498 · s/√10 on each side.
#[test]
fn the_t_interval_of_ten_values_is_that_of_the_table() {
    let values: Vec<f64> = (1..=10).map(f64::from).collect();
    let interval = t_interval(&values, 0.99).expect("ten values have a spread");
    let half = 3.249_836 * (82.5f64 / 9.0).sqrt() / 10f64.sqrt();
    assert!((interval.half_width() - half).abs() < 1e-5, "{interval}");
    assert!(interval.contains(5.5) && interval.contains(2.5) && !interval.contains(2.3));
    assert_eq!(t_interval(&[1.0], 0.99), None);
}

/// Newcombe, *Two-sided confidence intervals for the single proportion*, Statistics in Medicine 1998, table I, method 3.
#[test]
fn wilson_intervals_are_those_of_the_published_table() {
    let published = [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)];
    for (hits, trials, low, high) in published {
        let interval = wilson_interval(hits, trials, 0.95).expect("there were trials");
        assert!((interval.low - low).abs() < 6e-5 && (interval.high - high).abs() < 6e-5, "{hits} of {trials}: {interval:?}");
    }
    assert_eq!(wilson_interval(20, 20, 0.95).map(|i| i.high), Some(1.0));
    assert_eq!(wilson_interval(0, 0, 0.95), None);
}

#[test]
fn equal_seeds_give_equal_intervals_of_the_median() {
    let values: Vec<f64> = (0..101).map(f64::from).collect();
    let interval = median_interval(&values, 0.99, 1).expect("there are values");
    assert_eq!(median_interval(&values, 0.99, 1), Some(interval));
    assert!(interval.estimate == 50.0 && interval.low < 45.0 && interval.high > 55.0, "{interval:?}");
    // The interval from order statistics (binomial, exact): ranks 38 and 64 of 101 hold the median with 99 %.
    assert!((interval.low - 37.0).abs() <= 3.0 && (interval.high - 63.0).abs() <= 3.0, "{interval:?}");
    assert_eq!(median_interval(&[], 0.99, 1), None);
}

/// Of 2,000 intervals at 90 %, about 200 miss: 5 standard errors are 67.
#[test]
fn intervals_hold_the_truth_as_often_as_they_say() {
    let mut rng = Rng::new(5);
    let (mut t, mut wilson, mut bootstrap) = (0, 0, 0);
    for round in 0..2_000u64 {
        let normal: Vec<f64> = (0..10).map(|_| 3.0 + rng.normal()).collect();
        t += u32::from(!t_interval(&normal, 0.9).expect("ten values have a spread").contains(3.0));
        let hits = (0..200).filter(|_| rng.chance(0.3)).count() as u64;
        wilson += u32::from(!wilson_interval(hits, 200, 0.9).expect("there were trials").contains(0.3));
        if round < 200 {
            let skewed: Vec<f64> = (0..50).map(|_| rng.exponential(1.0)).collect();
            bootstrap += u32::from(!median_interval(&skewed, 0.9, round).expect("there are values").contains(core::f64::consts::LN_2));
        }
    }
    assert!(t.abs_diff(200) < 67 && wilson.abs_diff(200) < 67, "{t} and {wilson} of 2,000 missed");
    // The bootstrap is only nearly right; 20 of 200 should miss.
    assert!(bootstrap < 45, "{bootstrap} of 200 missed");
}
