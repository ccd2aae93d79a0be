//! What graphs look like in each way of drawing, and that no text gets out of its label.

use std::sync::Arc;

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::catalog::{Catalog, Plugin};
use crate::manifest::Manifest;
use crate::revision::compile;
use crate::source::Source;

const RELEASE: &str = "
model_version: \"1.0\"
pipeline: { id: release, name: Release }
stages:
  build: { uses: work, matrix: { arch: [x86_64, arm] }, compensate: { uses: work/undo } }
  review: { needs: [build], approval: {} }
  deploy: { needs: [review], uses: work/undo }
  tell: { needs: [deploy], run_on: always, uses: work }
finally:
  clean: { uses: work }
";

fn release() -> Graph {
    let manifest = "id: work\nactions: { run: { effect: pure }, undo: { effect: pure } }";
    let manifest = Manifest::parse(manifest).expect("the manifest is valid");
    let mut catalog = Catalog::default();
    catalog.insert("work", Arc::new(Plugin::new("sha256:00", manifest).expect("it has no schemas")));
    let (revision, found) = compile(&[Source::new(".kiket/pipelines/release.yaml", RELEASE)], &catalog);
    let revision = revision.unwrap_or_else(|| panic!("{found:#?}"));
    Graph::of_plan(revision.plan("release").expect("the pipeline compiles"))
}

fn tickets() -> Graph {
    let mut graph = Graph::new("Tickets");
    graph.add_node("new", "New", NodeShape::Initial);
    graph.add_node("review", "Review", NodeShape::State);
    graph.add_node("risk", "Risk?", NodeShape::Gateway);
    graph.add_node("done", "Done", NodeShape::Final);
    graph.add_edge("new", "review", Some("start".to_owned()));
    graph.add_edge("review", "risk", None);
    graph.add_edge("risk", "new", Some("send back".to_owned()));
    graph.add_edge("risk", "done", None);
    graph.add_edge("review", "review", Some("comment".to_owned()));
    graph.add_edge("done", "nowhere", None);
    graph
}

/// A graph all of whose text wants out.
fn hostile() -> Graph {
    let text = "</text><script>alert(\"1\")</script>";
    let mut graph = Graph::new(text);
    graph.add_node("a\" click \\", format!("a\"b]\\c\n{text}\u{7}"), NodeShape::State);
    graph.add_node("]]--", "%%{init: {}}%%", NodeShape::Final);
    graph.add_edge("a\" click \\", "]]--", Some(format!("\"| {text}")));
    graph
}

#[test]
fn a_plan_as_mermaid() {
    assert_snapshot!(release().to_mermaid(), @r#"
    ---
    title: "Release"
    ---
    flowchart TD
      n0["build.0<br/>work<br/>arch#58; x86_64"]
      n1["build.1<br/>work<br/>arch#58; arm"]
      n2{{"review<br/>approval"}}
      n3["deploy<br/>work/undo"]
      n4["tell<br/>work"]
      n5(["clean<br/>work"])
      n6["build.0.compensate<br/>work/undo<br/>arch#58; x86_64"]
      n7["build.1.compensate<br/>work/undo<br/>arch#58; arm"]
      n0 --> n2
      n1 --> n2
      n2 --> n3
      n3 -->|"always"| n4
      n4 -.-> n5
      n0 -.->|"undone by"| n6
      n1 -.->|"undone by"| n7
      classDef dashed stroke-dasharray: 5 5
      class n5,n6,n7 dashed
    "#);
}

#[test]
fn a_plan_as_dot() {
    assert_snapshot!(release().to_dot(), @r#"
    digraph "Release" {
      node [fontname="sans-serif"];
      edge [fontname="sans-serif"];
      n0 [label="build.0\nwork\narch: x86_64", shape=box];
      n1 [label="build.1\nwork\narch: arm", shape=box];
      n2 [label="review\napproval", shape=hexagon];
      n3 [label="deploy\nwork/undo", shape=box];
      n4 [label="tell\nwork", shape=box];
      n5 [label="clean\nwork", shape=box, style="rounded,dashed"];
      n6 [label="build.0.compensate\nwork/undo\narch: x86_64", shape=box, style=dashed];
      n7 [label="build.1.compensate\nwork/undo\narch: arm", shape=box, style=dashed];
      n0 -> n2;
      n1 -> n2;
      n2 -> n3;
      n3 -> n4 [label="always"];
      n4 -> n5 [style=dashed];
      n0 -> n6 [label="undone by", style=dashed];
      n1 -> n7 [label="undone by", style=dashed];
    }
    "#);
}

#[test]
fn a_plan_as_svg() {
    let svg = release().to_svg().unwrap();
    assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""), "{svg}");
    assert!(svg.contains("<title>Release</title>"), "{svg}");
    assert_eq!((svg.matches("<rect").count(), svg.matches("<ellipse").count()), (7, 1), "{svg}");
    assert_eq!(svg.matches("marker-end").count(), 7, "{svg}");
    for text in ["build.0", "work/undo", "arch: arm", "approval", "undone by", "always"] {
        assert!(svg.contains(&format!(">{text}</text>")), "{text}: {svg}");
    }
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
}

#[test]
fn a_workflow_has_shapes_of_its_own_and_may_go_back() {
    let graph = tickets();
    assert_snapshot!(graph.to_mermaid(), @r#"
    ---
    title: "Tickets"
    ---
    flowchart TD
      n0(("New"))
      n1("Review")
      n2{"Risk#63;"}
      n3((("Done")))
      n0 -->|"start"| n1
      n1 --> n2
      n2 -->|"send back"| n0
      n2 --> n3
      n1 -->|"comment"| n1
    "#);
    assert_snapshot!(graph.to_dot(), @r#"
    digraph "Tickets" {
      node [fontname="sans-serif"];
      edge [fontname="sans-serif"];
      n0 [label="New", shape=circle];
      n1 [label="Review", shape=box, style=rounded];
      n2 [label="Risk?", shape=diamond];
      n3 [label="Done", shape=doublecircle];
      n0 -> n1 [label="start"];
      n1 -> n2;
      n2 -> n0 [label="send back"];
      n2 -> n3;
      n1 -> n1 [label="comment"];
    }
    "#);
    let svg = graph.to_svg().unwrap();
    assert_eq!((svg.matches("<rect").count(), svg.matches("<ellipse").count()), (1, 4), "{svg}");
    // The way back is drawn from its end.
    assert_eq!((svg.matches("marker-start").count(), svg.matches("marker-end").count()), (1, 4), "{svg}");
    assert!(svg.contains(">send back</text>") && svg.contains(">comment</text>"), "{svg}");
}

#[test]
fn no_text_gets_out_of_its_label() {
    let graph = hostile();
    assert_snapshot!(graph.to_mermaid(), @r##"
    ---
    title: "</text><script>alert(\"1\")</script>"
    ---
    flowchart TD
      n0("a#34;b#93;#92;c<br/>#60;/text#62;#60;script#62;alert#40;#34;1#34;#41;#60;/script#62; ")
      n1((("#37;#37;#123;init#58; #123;#125;#125;#37;#37;")))
      n0 -->|"#34;#124; #60;/text#62;#60;script#62;alert#40;#34;1#34;#41;#60;/script#62;"| n1
    "##);
    assert_snapshot!(graph.to_dot(), @r#"
    digraph "</text><script>alert(\"1\")</script>" {
      node [fontname="sans-serif"];
      edge [fontname="sans-serif"];
      n0 [label="a\"b]\\c\n</text><script>alert(\"1\")</script> ", shape=box, style=rounded];
      n1 [label="%%{init: {}}%%", shape=doublecircle];
      n0 -> n1 [label="\"| </text><script>alert(\"1\")</script>"];
    }
    "#);
    let svg = graph.to_svg().unwrap();
    assert!(!svg.contains("<script") && !svg.contains("click") && !svg.contains('\u{7}'), "{svg}");
    assert!(svg.contains("<title>&lt;/text&gt;&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;</title>"), "{svg}");
    assert!(svg.contains(">a&quot;b]\\c</text>"), "{svg}");
    assert_eq!(svg.matches("&lt;script&gt;").count(), 3, "{svg}");
}

#[test]
fn a_graph_without_nodes_is_an_empty_picture() {
    let graph = Graph::new("empty");
    assert_eq!(graph.to_mermaid(), "---\ntitle: \"empty\"\n---\nflowchart TD\n");
    assert!(graph.to_svg().unwrap().contains("<title>empty</title>"));
}

#[test]
fn dense_layers_are_laid_out_in_time() {
    let mut graph = Graph::new("dense");
    for (layer, place) in (0..6).flat_map(|layer| (0..10).map(move |place| (layer, place))) {
        graph.add_node(format!("{layer}.{place}"), "x", NodeShape::Stage);
        (0..10).filter(|_| layer < 5).for_each(|next| {
            graph.add_edge(format!("{layer}.{place}"), format!("{}.{next}", layer + 1), None);
        });
    }
    let svg = graph.to_svg().unwrap();
    assert_eq!((svg.matches("<rect").count(), svg.matches("marker-end").count()), (60, 500));
}

#[test]
fn what_would_take_too_long_is_refused() {
    let mut graph = Graph::new("large");
    (0..1_001).for_each(|place| graph.add_node(place.to_string(), "x", NodeShape::Stage));
    assert_eq!(graph.to_svg(), Err(TooLarge { size: 1_001 }));
    // A hundred nodes in a row, and from the first one a line past all others to each.
    graph.nodes.truncate(100);
    for place in 1..100 {
        graph.add_edge((place - 1).to_string(), place.to_string(), None);
        graph.add_edge("0", place.to_string(), None);
    }
    assert_eq!(graph.to_svg(), Err(TooLarge { size: 100 + 98 * 99 / 2 }));
}

proptest! {
    #[test]
    fn every_graph_can_be_drawn(edges in prop::collection::vec((0..9_usize, 0..9_usize, any::<bool>()), 0..24)) {
        let mut graph = Graph::new("any");
        (0..9).for_each(|place| graph.add_node(place.to_string(), "node", NodeShape::Stage));
        for (from, to, labelled) in &edges {
            graph.add_edge(from.to_string(), to.to_string(), labelled.then(|| "label".to_owned()));
        }
        let svg = graph.to_svg().expect("it is small");
        prop_assert_eq!(svg.matches("<rect").count(), 9);
        prop_assert_eq!(svg.matches("marker-").count(), edges.len());
        prop_assert_eq!(svg.matches(">label<").count(), edges.iter().filter(|edge| edge.2).count());
        prop_assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }
}
