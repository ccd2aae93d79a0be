//! DOT, the language of Graphviz.
//!
//! All text stands between quotes, where only a quote and a backslash mean anything.

use std::fmt::Write;

use super::{Graph, NodeShape};

pub(super) fn draw(graph: &Graph) -> String {
    let mut out = format!("digraph \"{}\" {{\n", escape(&graph.name));
    out += "  node [fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\"];\n";
    for (place, node) in graph.nodes.iter().enumerate() {
        let _ = writeln!(out, "  n{place} [label=\"{}\", {}];", escape(&node.label), attributes(node.shape));
    }
    for (from, to, edge) in graph.joined() {
        let mut attributes: Vec<String> = Vec::new();
        attributes.extend(edge.label.as_ref().map(|label| format!("label=\"{}\"", escape(label))));
        if graph.nodes[to].shape.is_dashed() {
            attributes.push("style=dashed".to_owned());
        }
        let attributes = if attributes.is_empty() { String::new() } else { format!(" [{}]", attributes.join(", ")) };
        let _ = writeln!(out, "  n{from} -> n{to}{attributes};");
    }
    out + "}\n"
}

fn attributes(shape: NodeShape) -> &'static str {
    match shape {
        NodeShape::Stage => "shape=box",
        NodeShape::Approval => "shape=hexagon",
        NodeShape::Finally => "shape=box, style=\"rounded,dashed\"",
        NodeShape::Compensation => "shape=box, style=dashed",
        NodeShape::Initial => "shape=circle",
        NodeShape::State => "shape=box, style=rounded",
        NodeShape::Gateway => "shape=diamond",
        NodeShape::Final => "shape=doublecircle",
    }
}

fn escape(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '\n' => out += "\\n",
            character if character.is_control() => out.push(' '),
            character => out.push(character),
        }
    }
    out
}
