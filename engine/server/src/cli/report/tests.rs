//! The same problems in every form.

use insta::assert_snapshot;
use kiket_core::Level;
use kiket_core::diagnostic::{Code, Problems, Span};
use serde_json::Value as Json;

use super::*;

const RELEASE: &str = ".kiket/pipelines/release.yaml";

/// Three files, two of which have problems; one has a name that no format takes as it is.
struct World {
    sources: Vec<Source>,
    diagnostics: Vec<Diagnostic>,
}

impl World {
    fn new() -> Self {
        let odd = ".kiket/50%, größe:x.sql";
        let sources = vec![
            Source::new(odd, "select 1"),
            Source::new(".kiket/plugins.yaml", "model_version: \"1.0\"\n"),
            Source::new(RELEASE, "deploy:\n  needs: biuld\n  when: never\n"),
        ];
        let mut problems = Problems::new(odd);
        problems.report(Code::NotActedOn, Span::default(), "100 % kept\r\n::error::not a command\u{1b}[2J");
        let mut diagnostics = problems.into_diagnostics();
        let mut problems = Problems::new(RELEASE);
        let span = Span { line: 2, column: 10, length: 5 };
        let message = "stage \"deploy\" needs \"biuld\", which does not exist";
        problems.report_unknown(Code::UnknownStage, span, message, "biuld", ["build", "test"]);
        problems.report(Code::NeverRuns, Span { line: 3, column: 3, length: 0 }, "stage \"deploy\" never runs");
        diagnostics.extend(problems.into_diagnostics());
        Self { sources, diagnostics }
    }

    fn write(&self, format: Format) -> String {
        Report { sources: &self.sources, diagnostics: &self.diagnostics }.write(format)
    }
}

#[test]
fn people_see_lines_with_carets_and_a_summary() {
    assert_snapshot!(World::new().write(Format::Text), @r#"
    info[I0301] .kiket/50%, größe:x.sql 100 % kept
    ::error::not a command
    error[E0104] .kiket/pipelines/release.yaml:2:10 stage "deploy" needs "biuld", which does not exist
      |
    2 |   needs: biuld
      |          ^^^^^
      help: did you mean "build"?
    warning[W0201] .kiket/pipelines/release.yaml:3:3 stage "deploy" never runs
      |
    3 |   when: never
      |   ^
    3 files: 1 error, 1 warning
    `kiket explain CODE` says what a code means and what to do
    "#);
}

#[test]
fn a_summary_counts_as_people_do() {
    let mut world = World::new();
    world.diagnostics.truncate(1);
    world.sources.truncate(1);
    let text = world.write(Format::Text);
    assert!(text.ends_with("\n1 file: no errors, no warnings\n"), "{text}");
    world.sources.clear();
    assert!(world.write(Format::Github).ends_with("\nno files: no errors, no warnings\n"));
}

#[test]
fn programs_get_everything() {
    let read: Json = serde_json::from_str(&World::new().write(Format::Json)).unwrap();
    assert_eq!((&read["errors"], &read["warnings"]), (&Json::from(1), &Json::from(1)));
    assert_eq!(read["diagnostics"].as_array().unwrap().len(), 3);
    assert_eq!(read["diagnostics"][1]["code"], "E0104");
}

#[test]
fn github_takes_each_problem_as_one_command() {
    assert_snapshot!(World::new().write(Format::Github), @r#"
    ::notice file=.kiket/50%25%2C größe%3Ax.sql,title=I0301::100 %25 kept%0D%0A::error::not a command
    ::error file=.kiket/pipelines/release.yaml,line=2,col=10,endColumn=15,title=E0104::stage "deploy" needs "biuld", which does not exist%0Ahelp: did you mean "build"?
    ::warning file=.kiket/pipelines/release.yaml,line=3,col=3,endColumn=4,title=W0201::stage "deploy" never runs
    3 files: 1 error, 1 warning
    "#);
}

#[test]
fn what_is_not_in_the_repository_is_not_sought_there() {
    let mut world = World::new();
    world.diagnostics = world.diagnostics.split_off(2);
    world.diagnostics[0].level = Level::Bundled;
    assert_snapshot!(world.write(Format::Github), @r#"
    ::warning title=W0201::bundled:.kiket/pipelines/release.yaml stage "deploy" never runs
    3 files: no errors, 1 warning
    "#);
    assert!(world.write(Format::Sarif).contains("\"uriBaseId\": \"BUNDLED\""));
    // The repository has a file of that name, which is another one.
    assert!(!world.write(Format::Text).contains("when: never"));
}

#[test]
fn sarif_has_a_rule_for_every_code() {
    let text = World::new().write(Format::Sarif);
    assert!(!text.contains('\u{1b}'));
    let read: Json = serde_json::from_str(&text).unwrap();
    assert_eq!(read["version"], "2.1.0");
    let run = &read["runs"][0];
    let driver = &run["tool"]["driver"];
    assert_eq!((&driver["name"], driver["rules"].as_array().unwrap().len()), (&Json::from("kiket"), Code::ALL.len()));
    for result in run["results"].as_array().unwrap() {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        let rule = &driver["rules"][index];
        assert_eq!((&rule["id"], &rule["defaultConfiguration"]["level"]), (&result["ruleId"], &result["level"]));
        assert!(!rule["help"]["text"].as_str().unwrap().is_empty());
    }
    let results: Vec<Json> = (0..3_usize).map(|n| run["results"][n].clone()).map(without_index).collect();
    assert_snapshot!(format!("{:#}", Json::from(results)), @r#"
    [
      {
        "ruleId": "I0301",
        "level": "note",
        "message": {
          "text": "100 % kept\r\n::error::not a command\u001b[2J"
        },
        "locations": [
          {
            "physicalLocation": {
              "artifactLocation": {
                "uri": ".kiket/50%25%2C%20gr%C3%B6%C3%9Fe%3Ax.sql",
                "uriBaseId": "SRCROOT"
              }
            }
          }
        ]
      },
      {
        "ruleId": "E0104",
        "level": "error",
        "message": {
          "text": "stage \"deploy\" needs \"biuld\", which does not exist\nhelp: did you mean \"build\"?"
        },
        "locations": [
          {
            "physicalLocation": {
              "artifactLocation": {
                "uri": ".kiket/pipelines/release.yaml",
                "uriBaseId": "SRCROOT"
              },
              "region": {
                "startLine": 2,
                "startColumn": 10,
                "endColumn": 15
              }
            }
          }
        ]
      },
      {
        "ruleId": "W0201",
        "level": "warning",
        "message": {
          "text": "stage \"deploy\" never runs"
        },
        "locations": [
          {
            "physicalLocation": {
              "artifactLocation": {
                "uri": ".kiket/pipelines/release.yaml",
                "uriBaseId": "SRCROOT"
              },
              "region": {
                "startLine": 3,
                "startColumn": 3,
                "endColumn": 4
              }
            }
          }
        ]
      }
    ]
    "#);
}

/// Leaves out a place in the list of codes, which changes with every new one.
fn without_index(mut result: Json) -> Json {
    result.as_object_mut().unwrap().shift_remove("ruleIndex");
    result
}
