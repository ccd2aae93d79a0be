//! Hostile text ends in a diagnostic of its own code, and soon.

use kiket_core::Source;
use kiket_core::diagnostic::Code::{self, Budget, DuplicateKey, InvalidExpression, Syntax};
use kiket_core::yaml::{MAX_BYTES, MAX_NODES};

use crate::support::{complain, complain_all};

fn codes(text: String) -> Vec<Code> {
    complain(&Source::new(".kiket/pipelines/p.yaml", text)).iter().map(|found| found.code).collect()
}

fn stages(text: &str) -> String {
    format!("model_version: \"1.0\"\npipeline: {{ id: p }}\nstages:\n{text}")
}

#[test]
fn aliases_that_multiply_are_too_much() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let below = format!("*a{}, ", level - 1).repeat(9);
        bomb.push_str(&format!("a{level}: &a{level} [{below}]\n"));
    }
    assert_eq!(codes(bomb), [Budget]);
    assert_eq!(codes(format!("a: &a x\nb: [{}]\n", "*a, ".repeat(65))), [Budget]);
}

#[test]
fn what_is_nested_too_deep_is_too_much() {
    // Within the bound on bytes the depth of blocks is bounded as well: each level is indented by one more.
    let block: String = (0..600).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    assert_eq!(codes(block), [Budget]);
    let lists = format!("a:\n  {}x\n", "- ".repeat(100_000));
    assert_eq!(codes(lists), [Budget]);
    assert_eq!(codes("[".repeat(100_000)), [Budget]);
    assert_eq!(codes(format!("a: {}{}", "[".repeat(100_000), "]".repeat(100_000))), [Budget]);
    assert_eq!(codes("{a: ".repeat(60_000)), [Budget]);
    assert_eq!(codes(format!("a: {}1{}", "[".repeat(40), "]".repeat(40))), [Budget]);
}

#[test]
fn what_is_too_long_is_too_much() {
    let mebibyte = "x".repeat(1024 * 1024);
    assert_eq!(codes(format!("a: {mebibyte}")), [Budget]);
    assert_eq!(codes(format!("{mebibyte}: a")), [Budget]);
    assert_eq!(codes(format!("# {}\n", "x".repeat(MAX_BYTES))), [Budget]);
    assert_eq!(codes(format!("{}: a", "x".repeat(1_000))), [Budget]);
}

#[test]
fn what_has_too_many_parts_is_too_much() {
    let list = |count: usize| format!("a: [{}]\n", "x, ".repeat(count));
    assert_eq!(codes(list(MAX_NODES + 1)), [Budget]);
    assert!(!codes(list(MAX_NODES - 10)).contains(&Budget));
}

#[test]
fn keys_that_stand_twice_are_found_however_many_there_are() {
    assert_eq!(codes("a: 1\n".repeat(9_000)), [DuplicateKey]);
    let nested = format!("a: {{ b: {{ {} }} }}\n", "c: 1, ".repeat(5_000));
    assert_eq!(codes(nested), [DuplicateKey]);
}

#[test]
fn what_is_not_yaml_is_said_to_be_none() {
    for text in ["\u{0}", "%YAML 9.9\n---\n%", "a: *b", "&a", "- - -\n  - :\n a", "\u{feff}\u{feff}a: [", "!!", "'"] {
        let found = codes(text.to_owned());
        assert!(matches!(found.as_slice(), [Syntax | Code::WrongType]), "{text:?}: {found:?}");
    }
}

#[test]
fn expressions_that_explode_are_no_expressions() {
    let nested = format!("{}true{}", "[1].all(a, ".repeat(80), ")".repeat(80));
    let bombs = [
        "!!(".repeat(40),
        format!("{}true{}", "!!(".repeat(200), ")".repeat(200)),
        "(".repeat(2_000),
        nested,
        format!("{}1{}", "[".repeat(1_500), "]".repeat(1_500)),
        format!("a{}", ".b".repeat(1_500)),
        "1+".repeat(1_900),
        "x".repeat(5_000),
    ];
    for bomb in bombs {
        assert_eq!(
            codes(stages(&format!("  a: {{ uses: work, when: \"{bomb}\" }}\n"))),
            [InvalidExpression],
            "{bomb:.30}"
        );
        let text = stages(&format!("  a: {{ uses: work, with: {{ x: \"${{{{ {bomb} }}}}\" }} }}\n"));
        assert_eq!(codes(text), [InvalidExpression], "{bomb:.30}");
    }
}

#[test]
fn more_expressions_in_one_text_than_anybody_writes_are_too_much() {
    let text =
        |count: usize| stages(&format!("  a: {{ uses: work, env: {{ X: \"{}\" }} }}\n", "${{run.id}}".repeat(count)));
    assert_eq!(codes(text(20_000)), [Budget]);
    assert!(!codes(text(100)).contains(&Budget));
}

#[test]
fn transitions_that_multiply_what_states_do_are_too_much() {
    let hooks = "{ action: notify, message: hi }, ".repeat(900);
    let workflow = |ways: usize| {
        let ways = "{ from: open, to: done, name: Go }, ".repeat(ways);
        let text = format!(
            "model_version: \"1.0\"\nworkflow: {{ id: w }}\nstates:\n  open: {{ type: initial }}\n  done: {{ type: terminal, on_enter: [{hooks}] }}\ntransitions: [{ways}]\n"
        );
        let found = complain(&Source::new(".kiket/workflows/w.yaml", text));
        found.iter().filter(|found| found.code == Budget).count()
    };
    assert_eq!((workflow(10), workflow(1_000)), (0, 1));
}

#[test]
fn secrets_that_nobody_grants_are_not_reported_without_end() {
    let entries: String = (0..4_000).map(|at| format!("k{at}: \"${{{{secret('S{at}')}}}}\", ")).collect();
    let found = codes(stages(&format!("  a: {{ uses: work, with: {{ {entries} }} }}\n")));
    assert!(found.len() == 50 && found.iter().all(|code| *code == Code::UngrantedSecret), "{}", found.len());
}

#[test]
fn grants_that_nothing_uses_are_looked_through_soon() {
    let path = ".kiket/plugins.lock";
    let entries: String = (0..5_000).map(|at| format!("  p{at}: {{}}\n")).collect();
    let lock = Source::new(path, format!("model_version: \"1.0\"\nplugins:\n{entries}"));
    let stages = stages(&(0..400).map(|at| format!("  s{at}: {{ uses: ./{at}.wasm }}\n")).collect::<String>());
    let found = complain_all(&[lock, Source::new(".kiket/pipelines/p.yaml", stages)]);
    assert_eq!(found.iter().filter(|found| found.code == Code::UnusedPlugin).count(), 5_000);
}
