//! Times that repeat, over changes of clocks and over times that nobody was there for.
//!
//! The oracle goes through every minute and asks what the clock on the wall shows.

use std::collections::BTreeSet;
use std::str::FromStr as _;

use chrono::{DateTime, Datelike as _, MappedLocalTime, NaiveDateTime, TimeDelta, TimeZone as _, Timelike as _, Utc};
use chrono_tz::Tz;
use croner::Cron;
use kiket_core::Timestamp;
use kiket_core::schedule::{CATCH_UP, Due, Missed, Schedule};
use proptest::prelude::*;

/// Zones whose clocks change by an hour in both hemispheres, by half an hour, at midnight, and not at all.
const ZONES: [Tz; 8] = [
    Tz::UTC,
    Tz::Europe__Prague,
    Tz::America__New_York,
    Tz::Australia__Lord_Howe,
    Tz::America__Sao_Paulo,
    Tz::Africa__Cairo,
    Tz::Asia__Kathmandu,
    Tz::Pacific__Chatham,
];
const MINUTE: i64 = 60_000;

fn schedule(cron: &str, zone: Tz, missed: Missed) -> Schedule {
    Schedule::new(cron, Cron::from_str(cron).expect("cron"), zone, missed)
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap_or_else(|| panic!("{text} is a time"))
}

/// The nominal times after `from` and until `to`.
fn times(schedule: &Schedule, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
    let first = schedule.next(from);
    std::iter::successors(first, |last| schedule.next(*last)).take_while(|time| *time <= to).collect()
}

fn shown(schedule: &Schedule, from: &str, count: usize) -> Vec<String> {
    let first = schedule.next(at(from));
    let times = std::iter::successors(first, |last| schedule.next(*last)).take(count);
    times.map(|time| time.to_string().replace(":00.000Z", "Z")).collect()
}

/// A field: all values, or some.
fn field(values: &Option<BTreeSet<u32>>) -> String {
    let list = |values: &BTreeSet<u32>| values.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    values.as_ref().map_or("*".to_owned(), list)
}

fn some(max: u32) -> impl Strategy<Value = Option<BTreeSet<u32>>> {
    proptest::option::weighted(0.7, proptest::collection::btree_set(0..max, 1..4))
}

/// What the minutes of the world say.
fn oracle(
    minutes: &Option<BTreeSet<u32>>,
    hours: &Option<BTreeSet<u32>>,
    days: &Option<BTreeSet<u32>>,
    zone: Tz,
    (from, to): (i64, i64),
) -> Vec<Timestamp> {
    let has = |set: &Option<BTreeSet<u32>>, value: u32| set.as_ref().is_none_or(|set| set.contains(&value));
    let fits = |wall: NaiveDateTime| {
        has(minutes, wall.minute()) && has(hours, wall.hour()) && has(days, wall.weekday().num_days_from_sunday())
    };
    let fixed = minutes.is_some() && hours.is_some();
    let wall = |minute: i64| instant(minute).with_timezone(&zone).naive_local();
    let mut found = Vec::new();
    for minute in from + 1..=to {
        let now = wall(minute);
        let second = match zone.from_local_datetime(&now) {
            MappedLocalTime::Ambiguous(_, later) => later.timestamp() == minute * 60,
            _ => false,
        };
        let mut counts = fits(now) && !(fixed && second);
        // What the clock has skipped since the minute before.
        let mut skipped = wall(minute - 1) + TimeDelta::minutes(1);
        while fixed && skipped < now {
            counts |= fits(skipped);
            skipped += TimeDelta::minutes(1);
        }
        if counts {
            found.push(Timestamp::from_millis(minute * MINUTE));
        }
    }
    found
}

fn instant(minute: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(minute * 60, 0).expect("a time")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn every_time_of_the_wall_clock_is_kept_once(
        minutes in some(60), hours in some(24), days in some(7), zone in 0..ZONES.len(), day in 0i64..2 * 365,
        // Most changes of clocks are on the days around these.
        change in prop::sample::select(vec![None, Some((3, 9)), Some((3, 30)), Some((4, 5)), Some((4, 24)), Some((10, 5)), Some((10, 26)), Some((10, 30)), Some((11, 2))]),
    ) {
        let zone = ZONES[zone];
        let start = match change {
            Some((month, day)) => Utc.with_ymd_and_hms(2025, month, day, 0, 0, 0).single().expect("a day").timestamp() / 60 - 2 * 1440,
            None => Utc.with_ymd_and_hms(2024, 1, 1, 0, 0, 0).single().expect("a day").timestamp() / 60 + day * 1440,
        };
        let end = start + 5 * 1440;
        let schedule = schedule(&format!("{} {} * * {}", field(&minutes), field(&hours), field(&days)), zone, Missed::Once);
        let found = times(&schedule, Timestamp::from_millis(start * MINUTE), Timestamp::from_millis(end * MINUTE));
        let expected = oracle(&minutes, &hours, &days, zone, (start, end));
        prop_assert_eq!(&found, &expected, "{}", schedule);
        // From wherever one looks, the next time is the same one.
        for pair in found.windows(2) {
            for between in [0, 1, 999, 1000, (pair[1].millis() - pair[0].millis()) / 2] {
                prop_assert_eq!(schedule.next(Timestamp::from_millis(pair[0].millis() + between)), Some(pair[1]));
            }
            prop_assert_eq!(schedule.next(Timestamp::from_millis(pair[1].millis() - 1)), Some(pair[1]));
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn looking_at_any_moments_keeps_every_time_once_by_its_policy(
        every in 1u32..40, missed in 0usize..3, looks in proptest::collection::vec(0i64..400, 1..12),
    ) {
        let missed = [Missed::Skip, Missed::Once, Missed::All][missed];
        let schedule = schedule(&format!("*/{every} * * * *"), Tz::Europe__Prague, missed);
        let begin = at("2025-03-29T20:00:00Z");
        let (mut next, mut now) = (schedule.next(begin).expect("a time"), begin);
        let mut kept = Vec::new();
        for minutes in looks {
            now = Timestamp::from_millis(now.millis() + minutes * MINUTE);
            let first = next;
            let waiting = times(&schedule, Timestamp::from_millis(first.millis() - 1), now);
            let mut here = Vec::new();
            while let Some(Due { run, settled, next: later, .. }) = schedule.due(next, now) {
                prop_assert!(settled <= now && settled < later && next <= settled);
                here.extend(run);
                next = later;
            }
            prop_assert!(next > now, "nothing is left that is due");
            let newest = waiting.iter().rev().take(if missed == Missed::All { CATCH_UP } else { 1 }).rev();
            let expected: Vec<_> = newest.filter(|time| missed != Missed::Skip || now.millis() - time.millis() <= MINUTE).copied().collect();
            prop_assert_eq!(&here, &expected);
            kept.extend(here);
        }
        prop_assert!(kept.windows(2).all(|pair| pair[0] < pair[1]), "one time was kept twice");
    }
}

#[test]
fn a_time_that_clocks_skip_is_kept_after_the_gap_and_one_that_they_show_twice_once() {
    let prague = |cron| schedule(cron, Tz::Europe__Prague, Missed::Once);
    // 2025-03-30: after 01:59 the clocks show 03:00.
    assert_eq!(shown(&prague("30 2 * * *"), "2025-03-29T02:00:00Z", 2), ["2025-03-30T01:00Z", "2025-03-31T00:30Z"]);
    assert_eq!(
        shown(&prague("0,30 2,3 * * *"), "2025-03-29T12:00:00Z", 3),
        ["2025-03-30T01:00Z", "2025-03-30T01:30Z", "2025-03-31T00:00Z"]
    );
    assert_eq!(
        shown(&prague("*/30 * * * *"), "2025-03-30T00:00:00Z", 3),
        ["2025-03-30T00:30Z", "2025-03-30T01:00Z", "2025-03-30T01:30Z"]
    );
    // 2025-10-26: after 02:59 they show 02:00 once more.
    assert_eq!(shown(&prague("30 2 * * *"), "2025-10-25T12:00:00Z", 2), ["2025-10-26T00:30Z", "2025-10-27T01:30Z"]);
    assert_eq!(
        shown(&prague("0,45 2 * * *"), "2025-10-25T23:59:00Z", 3),
        ["2025-10-26T00:00Z", "2025-10-26T00:45Z", "2025-10-27T01:00Z"]
    );
    assert_eq!(
        shown(&prague("30 * * * *"), "2025-10-26T00:00:00Z", 3),
        ["2025-10-26T00:30Z", "2025-10-26T01:30Z", "2025-10-26T02:30Z"]
    );
    // Samoa had no 30 December 2011.
    let samoa = schedule("15 6 * * *", Tz::Pacific__Apia, Missed::Once);
    assert_eq!(
        shown(&samoa, "2011-12-29T12:00:00Z", 3),
        ["2011-12-29T16:15Z", "2011-12-30T10:00Z", "2011-12-30T16:15Z"]
    );
}

#[test]
fn a_day_that_comes_once_in_a_while_is_one_and_a_day_that_never_comes_is_none() {
    for (cron, comes) in [
        ("0 0 29 2 *", true),
        ("0 0 29 2 +MON", true),
        ("0 0 30 2 FRI", true),
        ("0 0 * 2 5#5", true),
        ("0 0 31 */2 *", true),
        ("0 0 30 2 *", false),
        ("0 0 31 4,6,9,11 *", false),
        ("0 0 30,31 2 +FRI", false),
    ] {
        let found = schedule(cron, Tz::Europe__Prague, Missed::Once);
        assert_eq!(found.has_days(), comes, "{cron}");
        assert!(!comes || found.next(at("2025-01-01T00:00:00Z")).is_some(), "{cron}");
    }
}

#[test]
fn what_was_missed_is_bounded_and_says_from_when() {
    let minutely = |missed| schedule("* * * * *", Tz::UTC, missed);
    let (first, now) = (at("2025-01-01T00:00:00Z"), at("2027-01-01T00:00:30Z"));
    let newest = at("2027-01-01T00:00:00Z");
    let after = at("2027-01-01T00:01:00Z");
    assert_eq!(
        minutely(Missed::Once).due(first, now),
        Some(Due { run: Some(newest), settled: newest, next: after, dropped: Some(first) })
    );
    let all = minutely(Missed::All).due(first, now).expect("it is due");
    assert_eq!((all.run, all.dropped), (Some(at("2026-12-31T22:21:00Z")), Some(first)));
    let yearly = |missed| schedule("0 0 1 1 *", Tz::UTC, missed);
    assert_eq!(yearly(Missed::All).due(first, now).map(|due| (due.run, due.dropped)), Some((Some(first), None)));
    let late = at("2027-01-01T00:01:01Z");
    assert_eq!(
        yearly(Missed::Skip).due(first, late),
        Some(Due { run: None, settled: newest, next: at("2028-01-01T00:00:00Z"), dropped: Some(first) })
    );
    assert_eq!(yearly(Missed::Skip).due(first, now).and_then(|due| due.run), Some(newest));
    assert_eq!(yearly(Missed::All).due(first, Timestamp::from_millis(first.millis() - 1)), None);
}
