//! Mermaid: a flowchart, from the top down.
//!
//! Every character of a text that is not a letter, a digit or one of a few harmless others is written as its number,
//! so no text can end a label, begin a comment or give a directive.

use std::fmt::Write;

use super::{Graph, Node, NodeShape};

pub(super) fn draw(graph: &Graph) -> String {
    // A JSON string is a YAML string as well, whatever is in it.
    let mut out = format!("---\ntitle: {}\n---\nflowchart TD\n", serde_json::Value::from(graph.name.as_str()));
    for (place, node) in graph.nodes.iter().enumerate() {
        let (open, close) = brackets(node);
        let _ = writeln!(out, "  n{place}{open}\"{}\"{close}", escape(&node.label));
    }
    for (from, to, edge) in graph.joined() {
        let arrow = if graph.nodes[to].shape.is_dashed() { "-.->" } else { "-->" };
        let label = edge.label.as_ref().map(|label| format!("|\"{}\"|", escape(label))).unwrap_or_default();
        let _ = writeln!(out, "  n{from} {arrow}{label} n{to}");
    }
    let dashed: Vec<String> = graph
        .nodes
        .iter()
        .enumerate()
        .filter(|(_, node)| node.shape.is_dashed())
        .map(|(place, _)| format!("n{place}"))
        .collect();
    if !dashed.is_empty() {
        let _ = writeln!(out, "  classDef dashed stroke-dasharray: 5 5\n  class {} dashed", dashed.join(","));
    }
    out
}

fn brackets(node: &Node) -> (&'static str, &'static str) {
    match node.shape {
        NodeShape::Stage | NodeShape::Compensation => ("[", "]"),
        NodeShape::Approval => ("{{", "}}"),
        NodeShape::Finally => ("([", "])"),
        NodeShape::Initial => ("((", "))"),
        NodeShape::State => ("(", ")"),
        NodeShape::Gateway => ("{", "}"),
        NodeShape::Final => ("(((", ")))"),
    }
}

fn escape(text: &str) -> String {
    let mut out = String::new();
    for character in text.trim().chars() {
        match character {
            '\n' => out += "<br/>",
            ' ' | '_' | '-' | '.' | ',' | '/' => out.push(character),
            character if character.is_alphanumeric() => out.push(character),
            character if character.is_control() => out.push(' '),
            character => {
                let _ = write!(out, "#{};", u32::from(character));
            }
        }
    }
    // An empty label is an error to Mermaid.
    if out.is_empty() { " ".to_owned() } else { out }
}
