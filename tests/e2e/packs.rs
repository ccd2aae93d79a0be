//! Four public packs of definitions, as their teams use them: an item of every type along every transition that needs
//! no approval, and along three that are refused.

use std::path::Path;

use serde_json::{Value as Json, json};

use crate::world::World;

/// A pack: its types with the fields that each has to have, its transitions, and what is refused.
struct Pack {
    name: &'static str,
    types: Vec<(&'static str, Json)>,
    ways: Vec<Way>,
    refusals: [Refusal; 3],
}

/// A transition of some types: what is set before it.
struct Way {
    types: &'static [&'static str],
    from: &'static str,
    name: &'static str,
    to: &'static str,
    set: Json,
}

/// A transition that is refused, and the kind of reason.
struct Refusal {
    kind: &'static str,
    from: &'static str,
    name: &'static str,
    code: &'static str,
}

fn way(types: &'static [&'static str], from: &'static str, name: &'static str, to: &'static str, set: Json) -> Way {
    Way { types, from, name, to, set }
}

fn refusal(kind: &'static str, from: &'static str, name: &'static str, code: &'static str) -> Refusal {
    Refusal { kind, from, name, code }
}

/// The files of a pack as they are pushed.
fn files(pack: &str) -> Vec<(String, String)> {
    fn collect(root: &Path, folder: &Path, found: &mut Vec<(String, String)>) {
        for entry in std::fs::read_dir(folder).expect("the pack is there").flatten() {
            let path = entry.path();
            if path.is_dir() {
                collect(root, &path, found);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                let name = path.strip_prefix(root).expect("it is below the root").display().to_string();
                found.push((name, text));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus").join(pack);
    let mut found = Vec::new();
    collect(&root, &root.join(".kiket"), &mut found);
    found
}

impl Pack {
    async fn walk(&self) {
        let world = World::start().await;
        world.add_project().await;
        let files = files(self.name);
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        world.push(&files);
        let synced = world.ok(world.post("/projects/shop/sync")).await;
        assert_eq!(synced["revision"]["status"], "active", "{synced:#}");
        for (kind, fields) in &self.types {
            let item = self.create(&world, kind, fields, None).await;
            assert_eq!(item["type"], *kind);
            let ways = self.ways.iter().filter(|way| way.types.contains(kind) || way.types.is_empty());
            let mut walked = 0;
            for way in ways {
                self.take(&world, kind, fields, way).await;
                walked += 1;
            }
            assert!(walked > 0, "{} leads nowhere", kind);
        }
        for refusal in &self.refusals {
            self.refuse(&world, refusal).await;
        }
        world
            .until(async || {
                let open = world.ok(world.get("/runs?project=shop&limit=200")).await;
                let ended =
                    |run: &Json| ["succeeded", "failed", "cancelled"].iter().any(|status| run["status"] == *status);
                open["data"].as_array().expect("a list").iter().all(ended).then_some(())
            })
            .await;
        world.end().await;
    }

    async fn create(&self, world: &World, kind: &str, fields: &Json, state: Option<&str>) -> Json {
        let body = json!({ "type": kind, "title": format!("A {kind}"), "fields": fields, "state": state });
        world.ok(world.post("/projects/shop/items").json(&body)).await
    }

    async fn take(&self, world: &World, kind: &str, fields: &Json, way: &Way) {
        let item = self.create(world, kind, fields, Some(way.from)).await;
        let id = item["id"].as_str().expect("an item has an id");
        if way.set != json!({}) {
            world.ok(world.patch(&format!("/items/{id}")).json(&way.set)).await;
        }
        let possible = world.ok(world.get(&format!("/items/{id}/transitions"))).await;
        let listed = possible["data"].as_array().expect("a list").iter().find(|one| one["name"] == way.name);
        assert_eq!(listed.map(|one| &one["possible"]), Some(&json!(true)), "{kind} {}: {possible:#}", way.name);
        let moved = world.post(&format!("/items/{id}/transitions")).json(&json!({ "name": way.name }));
        let moved = world.ok(moved).await;
        assert_eq!(moved["state"], way.to, "{kind} {}: {moved:#}", way.name);
    }

    async fn refuse(&self, world: &World, refusal: &Refusal) {
        let fields = self.types.iter().find(|(kind, _)| *kind == refusal.kind).map(|(_, fields)| fields);
        let item = self.create(world, refusal.kind, fields.expect("a type of the pack"), Some(refusal.from)).await;
        let id = item["id"].as_str().expect("an item has an id");
        let asked = world.post(&format!("/items/{id}/transitions")).json(&json!({ "name": refusal.name }));
        let answer = asked.send().await.expect("the server answers");
        let status = answer.status();
        let body: Json = answer.json().await.expect("a problem is JSON");
        assert_eq!((status.as_u16(), &body["code"]), (409, &json!("transition_refused")), "{body:#}");
        let codes: Vec<&Json> = body["errors"].as_array().expect("reasons").iter().map(|one| &one["code"]).collect();
        assert!(codes.contains(&&json!(refusal.code)), "{}: {body:#}", refusal.name);
        let after = world.ok(world.get(&format!("/items/{id}"))).await;
        assert_eq!((&after["state"], &after["version"]), (&json!(refusal.from), &item["version"]));
    }
}

#[tokio::test]
async fn engineering_tracks_bugs_and_incidents() {
    const BUGS: &[&str] = &["bug", "task", "story"];
    const INCIDENT: &[&str] = &["incident"];
    let tested = json!({
        "fields": { "ci_status": "passed", "integration_status": "passed", "security_status": "clean" },
        "checked": { "bug_testing": ["manual_qa"] },
    });
    let written = json!({ "checked": { "postmortem_checklist": [
        "timeline_documented", "root_cause_identified", "action_items_created", "stakeholders_notified",
    ] } });
    let pack = Pack {
        name: "engineering",
        types: vec![("bug", json!({})), ("incident", json!({})), ("task", json!({})), ("story", json!({}))],
        ways: vec![
            way(BUGS, "reported", "Start Triage", "triaging", json!({})),
            way(BUGS, "triaging", "Assign & Fix", "fixing", json!({ "assignee": "ada" })),
            way(BUGS, "triaging", "Close as Won't Fix", "wont_fix", json!({})),
            way(BUGS, "fixing", "Submit for Testing", "testing", json!({})),
            way(BUGS, "fixing", "Needs More Info", "triaging", json!({})),
            way(BUGS, "testing", "Deploy", "deployed", tested),
            way(BUGS, "testing", "Reopen (Tests Failed)", "fixing", json!({})),
            way(BUGS, "deployed", "Regression Found", "fixing", json!({})),
            way(INCIDENT, "detected", "Acknowledge", "investigating", json!({})),
            way(INCIDENT, "investigating", "Root Cause Found", "mitigating", json!({})),
            way(INCIDENT, "investigating", "False Alarm", "resolved", json!({})),
            way(INCIDENT, "mitigating", "Fix Applied", "resolved", json!({})),
            way(INCIDENT, "mitigating", "Fix Failed", "investigating", json!({})),
            way(INCIDENT, "resolved", "Complete Postmortem", "postmortem", written),
            way(INCIDENT, "resolved", "Incident Recurred", "investigating", json!({})),
        ],
        refusals: [
            refusal("bug", "triaging", "Assign & Fix", "condition"),
            refusal("bug", "testing", "Deploy", "condition"),
            refusal("incident", "detected", "Fix Applied", "state"),
        ],
    };
    pack.walk().await;
}

#[tokio::test]
async fn kanban_lets_work_flow() {
    let pack = Pack {
        name: "kanban",
        types: ["Epic", "UserStory", "Task", "Bug"].map(|kind| (kind, json!({}))).to_vec(),
        ways: vec![
            way(&[], "backlog", "Start Work", "in_progress", json!({})),
            way(&[], "in_progress", "Ready for Review", "review", json!({})),
            way(&[], "in_progress", "Park Item", "backlog", json!({})),
            way(&[], "review", "Requires Changes", "in_progress", json!({})),
            way(&[], "review", "Approve", "done", json!({})),
        ],
        refusals: [
            refusal("Task", "backlog", "Approve", "state"),
            refusal("Bug", "done", "Start Work", "state"),
            refusal("Epic", "review", "Park Item", "state"),
        ],
    };
    pack.walk().await;
}

#[tokio::test]
async fn releases_pass_their_gates() {
    let release = json!({ "version_tag": "v2.5.0", "release_type": "major", "changelog": "Dashboards" });
    let noted = json!({ "fields": { "version_tag": "v1", "changelog": "What changed" } });
    let undone = json!({ "fields": { "rollback_reason": "a lock", "postmortem_link": "https://example.com/p" } });
    let pack = Pack {
        name: "release-mgmt",
        types: vec![
            ("Release", release),
            ("Hotfix", json!({ "version_tag": "v2.4.3", "severity": "critical" })),
            ("FeatureFlag", json!({ "flag_name": "palette" })),
            ("Postmortem", json!({ "incident_summary": "A lock", "root_cause": "A migration" })),
            ("ChangeRequest", json!({ "change_type": "database", "risk_level": "low", "rollback_plan": "Undo" })),
        ],
        ways: vec![
            way(&[], "development", "Deploy to Staging", "staging", noted),
            way(&[], "staging", "Requires Changes", "development", json!({})),
            way(&[], "pending_approval", "Approval Rejected", "staging", json!({})),
            way(
                &[],
                "production",
                "Verify Deployment",
                "completed",
                json!({ "fields": { "deployment_verification": "ok" } }),
            ),
            way(&[], "rollback", "Rollback Complete", "failed", undone),
        ],
        refusals: [
            refusal("FeatureFlag", "development", "Deploy to Staging", "required_field"),
            refusal("Release", "staging", "Request Production Approval", "approval"),
            refusal("Hotfix", "pending_approval", "Approve for Production", "approval"),
        ],
    };
    pack.walk().await;
}

#[tokio::test]
async fn support_answers_its_customers() {
    let pack = Pack {
        name: "support",
        types: ["support_ticket", "incident", "feature_request"].map(|kind| (kind, json!({}))).to_vec(),
        ways: vec![
            way(&[], "submitted", "Start Triage", "triaging", json!({})),
            way(&[], "triaging", "Assign & Start", "in_progress", json!({ "assignee": "ada" })),
            way(&[], "triaging", "Close as Duplicate", "closed", json!({ "fields": { "category": "duplicate" } })),
            way(&[], "in_progress", "Request Info", "waiting_customer", json!({})),
            way(&[], "in_progress", "Resolve", "resolved", json!({})),
            way(&[], "waiting_customer", "Customer Responded", "in_progress", json!({})),
            way(&[], "waiting_customer", "Auto-Close (No Response)", "closed", json!({})),
            way(&[], "resolved", "Reopen", "in_progress", json!({})),
        ],
        refusals: [
            refusal("support_ticket", "triaging", "Assign & Start", "condition"),
            refusal("incident", "triaging", "Close as Duplicate", "condition"),
            refusal("feature_request", "closed", "Reopen", "state"),
        ],
    };
    pack.walk().await;
}
