//! SVG: `layout-rs` finds the places, [`Canvas`] draws what belongs there.
//!
//! Of `layout-rs` only the layout is used. Its reader of DOT knows no dashed nodes, its writer of SVG leaves space
//! below long labels, and its search for circles takes time that grows exponentially with the layers of a graph. So
//! the graph is handed over without circles and with its edges in the order of their beginnings, where that search has
//! nothing to find, and is drawn by hands of our own.

mod canvas;

use std::collections::BTreeSet;

use layout::adt::dag::NodeHandle;
use layout::core::base::Orientation;
use layout::core::color::Color;
use layout::core::geometry::Point;
use layout::core::style::{LineStyleKind, StyleAttr};
use layout::std_shapes::shapes::{Arrow, Element, LineEndKind, ShapeKind};
use layout::topo::layout::VisualGraph;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::{DfsEvent, depth_first_search};

use super::{Edge, Graph, Node, NodeShape};
use canvas::Canvas;

/// Largest size that is laid out: the time grows with its third power, to about a second.
const MAX_SIZE: usize = 1_000;
/// Largest size at which crossings of lines are avoided: the time grows much faster still.
const MAX_UNTANGLED: usize = 120;

/// Size of letters in nodes, in pixels.
const FONT: usize = 14;
/// Size of letters beside lines, in pixels.
const EDGE_FONT: usize = 11;
/// Most characters of a line of text.
const LINE: usize = 48;
/// How the frames of what stands beside the ordinary way of things are drawn.
const DASHES: &str = "stroke-dasharray=\"5 5\"";

/// A graph that is too large to be laid out in reasonable time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the graph is too large to be laid out here: {size} nodes and bends of lines, and at most {}", MAX_SIZE)]
pub struct TooLarge {
    /// How many nodes it has and how often its lines bend around others.
    pub size: usize,
}

/// An edge as it is handed over: all of them together make no circle.
struct Line<'g> {
    from: usize,
    to: usize,
    /// Whether its arrow stands at its beginning.
    turned: bool,
    edge: &'g Edge,
}

pub(super) fn draw(graph: &Graph) -> Result<String, TooLarge> {
    let count = graph.nodes.len();
    if count > MAX_SIZE {
        return Err(TooLarge { size: count });
    }
    let lines = without_circles(graph);
    let size = count + bends(count, &lines);
    if size > MAX_SIZE {
        return Err(TooLarge { size });
    }
    let mut canvas = Canvas::default();
    // The layout takes it for granted that there is a node.
    if count > 0 {
        let mut layout = VisualGraph::new(Orientation::TopToBottom);
        // It would look for circles again and again.
        layout.dag.set_validate(false);
        let nodes: Vec<NodeHandle> = graph.nodes.iter().map(|node| layout.add_node(element(node))).collect();
        for line in &lines {
            let end = if line.turned { line.from } else { line.to };
            let dashed = graph.nodes[end].shape.is_dashed();
            layout.add_edge(arrow(line, dashed), nodes[line.from], nodes[line.to]);
        }
        layout.do_it(false, size > MAX_UNTANGLED, false, &mut canvas);
    }
    Ok(canvas.finish(&graph.name))
}

/// Turns the edges that close circles around, and puts all of them in the order of the nodes that they begin at.
fn without_circles(graph: &Graph) -> Vec<Line<'_>> {
    let joined = graph.joined();
    let mut shape = DiGraph::<(), ()>::new();
    let nodes: Vec<NodeIndex> = graph.nodes.iter().map(|_| shape.add_node(())).collect();
    for (from, to, _) in joined.iter().filter(|(from, to, _)| from != to) {
        shape.add_edge(nodes[*from], nodes[*to], ());
    }
    let mut closing = BTreeSet::new();
    let mut ended = Vec::new();
    depth_first_search(&shape, nodes.iter().copied(), |event| match event {
        DfsEvent::BackEdge(from, to) => {
            closing.insert((from.index(), to.index()));
        }
        DfsEvent::Finish(node, _) => ended.push(node.index()),
        _ => {}
    });
    // What ended last comes first: the topological order of the edges that close no circle.
    let mut order = vec![0; nodes.len()];
    for (place, node) in ended.iter().rev().enumerate() {
        order[*node] = place;
    }
    let mut lines: Vec<Line<'_>> = joined
        .into_iter()
        .map(|(from, to, edge)| match closing.contains(&(from, to)) {
            true => Line { from: to, to: from, turned: true, edge },
            false => Line { from, to, turned: false, edge },
        })
        .collect();
    lines.sort_by_key(|line| order[line.from]);
    lines
}

/// Returns how many layers lines pass through between their ends, labels and lines back to a node itself included.
fn bends(nodes: usize, lines: &[Line<'_>]) -> usize {
    let mut layers: Vec<usize> = vec![0; nodes];
    for line in lines.iter().filter(|line| line.from != line.to) {
        let step = if text(line).is_empty() { 1 } else { 2 };
        layers[line.to] = layers[line.to].max(layers[line.from] + step);
    }
    lines.iter().map(|line| if line.from == line.to { 1 } else { layers[line.to] - layers[line.from] - 1 }).sum()
}

fn element(node: &Node) -> Element {
    let label: Vec<String> = node.label.lines().map(shorten).collect();
    let width = label.iter().map(|line| line.chars().count()).max().unwrap_or(0).max(2);
    let size =
        Point::new(width as f64 * FONT as f64 * 0.62 + 24.0, label.len().max(1) as f64 * FONT as f64 * 1.3 + 16.0);
    let label = label.join("\n");
    let round = size.add(Point::new(24.0, 12.0));
    let (kind, size, corner, fill) = match node.shape {
        NodeShape::Stage => (ShapeKind::Box(label), size, 3, "white"),
        NodeShape::Approval => (ShapeKind::Circle(label), round, 0, "lightyellow"),
        NodeShape::Finally => (ShapeKind::Box(label), size, 14, "whitesmoke"),
        NodeShape::Compensation => (ShapeKind::Box(label), size, 3, "mistyrose"),
        NodeShape::Initial => (ShapeKind::Circle(label), round, 0, "aliceblue"),
        NodeShape::State => (ShapeKind::Box(label), size, 14, "white"),
        NodeShape::Gateway => (ShapeKind::Circle(label), round, 0, "lightyellow"),
        NodeShape::Final => (ShapeKind::DoubleCircle(label), round, 0, "white"),
    };
    let look = StyleAttr::new(Color::fast("black"), 1, Some(Color::fast(fill)), corner, FONT);
    // Turned away from the graph, as the crate itself does it: labels stand beside their lines.
    let direction = Orientation::LeftToRight;
    match node.shape.is_dashed() {
        true => Element::create_with_properties(kind, look, direction, size, DASHES),
        false => Element::create(kind, look, direction, size),
    }
}

fn arrow(line: &Line<'_>, dashed: bool) -> Arrow {
    let look = StyleAttr::new(Color::fast("dimgray"), 1, None, 0, EDGE_FONT);
    let style = if dashed { LineStyleKind::Dashed } else { LineStyleKind::Normal };
    let (start, end) = match line.turned {
        true => (LineEndKind::Arrow, LineEndKind::None),
        false => (LineEndKind::None, LineEndKind::Arrow),
    };
    Arrow::new(start, end, style, &text(line), &look, &None, &None)
}

/// Returns what is written beside a line.
fn text(line: &Line<'_>) -> String {
    let lines = line.edge.label.iter().flat_map(|label| label.lines());
    lines.map(shorten).collect::<Vec<_>>().join("\n")
}

fn shorten(line: &str) -> String {
    match line.char_indices().nth(LINE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}
