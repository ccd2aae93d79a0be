//! Ten stages at once, on a terminal that is high enough for them and on one that is not.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::super::area::Area;
use super::super::terminal::Terminal;
use super::super::{Drawing, Mode, View};

const NAMES: [&str; 10] = ["api", "cli", "docs", "e2e", "fuzz", "lint", "linux-arm64", "linux-x64", "macos", "windows"];

/// All ten run; they began in another order than the plan's.
fn area() -> Area {
    let mut area = Area::default();
    area.plan(NAMES.iter().chain(&["publish", "tell"]).map(|name| (*name).to_owned()));
    for (second, name) in NAMES.iter().rev().enumerate() {
        area.start(name, Duration::from_secs(second as u64));
        area.tell(name, format!("step {second} of what {name} does"));
    }
    area
}

fn render(area: &Area, rows: usize) -> String {
    let drawn = area.render(Duration::from_secs(60), (rows, 80));
    assert!(drawn.lines().count() + 2 <= rows, "{drawn}");
    assert!(drawn.lines().all(|line| console::measure_text_width(line) < 80), "{drawn}");
    drawn
}

#[test]
fn all_that_run_stand_in_the_order_of_the_plan() {
    insta::assert_snapshot!(render(&area(), 24));
}

#[test]
fn what_finds_no_place_is_counted_and_what_failed_keeps_its_own() {
    let mut area = area();
    for name in ["cli", "lint"] {
        area.stop(name);
        area.count_end();
        assert_eq!(area.share(format!("{name} 1.2 s"), 80), None);
    }
    area.stop("macos");
    area.count_end();
    area.pin("macos", "41.0 s exit_code: the command ended with 1".to_owned());
    insta::assert_snapshot!(render(&area, 10));
    for name in ["docs", "e2e", "fuzz"] {
        area.stop(name);
        area.count_end();
        area.pin(name, "9.0 s exit_code: the command ended with 1".to_owned());
    }
    insta::assert_snapshot!(render(&area, 10));
    // However low the terminal is, something runs.
    assert!(area.render(Duration::from_secs(60), (3, 20)).lines().count() <= 4);
}

#[test]
fn those_that_succeed_share_lines_and_a_failure_that_scrolled_away_is_told_again() {
    let mut events: Vec<(&str, Json)> =
        vec![("run.queued", json!({"pipeline": "wide", "run": "run_01", "stages": NAMES}))];
    events.extend(NAMES.map(|name| ("stage.started", json!({"stage": name, "attempt": 1}))));
    let lines: Vec<Json> = (0..8).map(|n| json!({"text": format!("line {n}")})).collect();
    events.push(("stage.log", json!({"stage": "docs", "lines": lines})));
    for name in NAMES {
        events.push(match name {
            "docs" => {
                ("stage.failed", json!({"stage": name, "allowed": false, "error": {"code": "trap", "message": "m"}}))
            }
            _ => ("stage.succeeded", json!({"stage": name, "attempt": 1, "usage": {"wall_ms": 1200}})),
        });
    }
    events.push(("run.failed", json!({})));
    let mut out = Vec::new();
    let mut view = View::new(Mode::Terminal, &mut out);
    view.drawing = Drawing::Terminal(Terminal::new(false).with_size(10, 80));
    events.iter().for_each(|(kind, data)| view.event(kind, data).unwrap());
    drop(view);
    insta::assert_snapshot!(String::from_utf8(out).unwrap());
}
