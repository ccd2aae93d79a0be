//! What the files of the public packs mean, once they are read.

use kiket_core::definition::{Definition, FieldType, FilterQuestion, Kind};
use serde_json::json;

use crate::corpus::{sources, text};
use crate::support::read;

fn corpus(pack: &str, path: &str) -> Definition {
    read(path, &text(pack, path))
}

#[test]
fn a_project_and_its_roles() {
    let Definition::Project(project) = corpus("release-mgmt", "workspace.yaml") else { panic!() };
    assert_eq!(project.key.expect("it has a key").value, "RELEASE");
    let roles: Vec<&str> = project.team.roles.iter().map(|role| role.name.value.as_str()).collect();
    assert_eq!(roles, ["release_manager", "qa_lead", "sre", "engineering_lead"]);
    assert_eq!(project.required_extensions[0].value, "github");
    assert_eq!(project.optional_extensions.len(), 2);
    assert_eq!(project.seed_data.expect("it has some")["cases"][0]["case_type"], json!("Release"));
}

#[test]
fn types_and_their_fields() {
    let Definition::ItemTypes(types) = corpus("release-mgmt", "case_types.yaml") else { panic!() };
    let keys: Vec<&str> = types.iter().map(|item_type| item_type.key.value.as_str()).collect();
    assert_eq!(keys, ["Release", "Hotfix", "FeatureFlag", "Postmortem", "ChangeRequest"]);
    assert!(types[0].allow_children && !types[1].allow_children && types[0].workflow.is_none());
    let field = types[0].field("release_type").expect("there is one");
    assert!(field.required && field.field_type == FieldType::Select && field.options.len() == 4);
    assert_eq!(types[2].field("rollout_percentage").expect("there is one").default, Some(json!(0)));
    let Definition::ItemTypes(types) = corpus("engineering", "issue_types.yaml") else { panic!() };
    assert_eq!(types[1].workflow.as_ref().expect("it names one").value, "incident");
}

#[test]
fn a_board_with_columns_rows_filters_and_buttons() {
    let Definition::Boards(boards) = corpus("release-mgmt", "boards/release.yaml") else { panic!() };
    let board = &boards[0];
    assert_eq!((board.id.value.as_str(), board.name.as_str()), ("release-pipeline", "Release Pipeline"));
    assert_eq!(board.workflow.as_ref().expect("it names one").value, "release");
    let column = &board.columns[5];
    let states: Vec<&str> = column.states.iter().map(|state| state.value.as_str()).collect();
    assert!(states == ["completed", "failed"] && column.collapsed && column.wip_limit.is_none());
    assert_eq!(board.columns[1].wip_limit, Some(3));
    let swimlanes = board.swimlanes.as_ref().expect("it has some");
    assert!(swimlanes.enabled && swimlanes.field.as_deref() == Some("release_type") && swimlanes.lanes.len() == 4);
    assert_eq!(board.filters.quick[1].asks, FilterQuestion::Query("status == 'pending_approval'".to_owned()));
    assert_eq!(board.actions[2].confirm.as_deref().map(|asked| &asked[..12]), Some("Are you sure"));
    assert_eq!(board.actions[0].available_states[0].value, "development");
    let Definition::Boards(boards) = corpus("engineering", "boards/incidents.yaml") else { panic!() };
    let FilterQuestion::Field { field, values } = &boards[0].quick_filters[0].asks else { panic!() };
    assert!(field == "custom_fields.severity" && *values == [json!("P1"), json!("P2")]);
    assert_eq!(boards[0].filters.types[0].value, "incident");
}

#[test]
fn automations_by_event_and_by_time() {
    let Definition::Automations(automations) = corpus("support", "automations/support_automations.yaml") else {
        panic!()
    };
    assert_eq!(automations.len(), 4);
    assert_eq!(automations[0].trigger.events[0].value, "case.created");
    assert!(automations[0].trigger.schedule.is_none() && automations[0].enabled);
    let scheduled = &automations[3];
    assert!(scheduled.trigger.events.is_empty() && scheduled.trigger.schedule.is_some());
    let query = scheduled.query.as_ref().expect("it goes through items");
    assert_eq!((query.types[0].value.as_str(), query.states[0].value.as_str()), ("support_ticket", "resolved"));
    assert_eq!(query.last_updated_before.map(|age| age.as_secs()), Some(7 * 86_400));
}

#[test]
fn recipes_belong_to_the_workflow_of_their_folder() {
    let path = "workflows/release/automation_recipes/stale_release_followup.yaml";
    let Definition::Recipe(recipe) = corpus("release-mgmt", path) else { panic!() };
    assert_eq!(recipe.workflow.as_deref(), Some("release"));
    assert!(recipe.schedule.is_some() && recipe.events.is_empty() && !recipe.requires_approval);
    let path = "workflows/kanban/automation_recipes/sla_breach_escalation.yaml";
    let Definition::Recipe(recipe) = corpus("kanban", path) else { panic!() };
    assert!(recipe.requires_approval && recipe.events[0].value == "issue.updated" && recipe.schedule.is_none());
}

#[test]
fn forms_of_both_generations() {
    let Definition::Intake(intake) = corpus("support", "intakes/support_ticket.yaml") else { panic!() };
    let named = |text: &Option<kiket_core::definition::Located<String>>| text.as_ref().map(|text| text.value.clone());
    assert_eq!(named(&intake.item_type).as_deref(), Some("support_ticket"));
    assert_eq!(named(&intake.state).as_deref(), Some("submitted"));
    assert!(intake.public && intake.slug == "support" && intake.confirmation.is_some());
    assert_eq!(intake.title.as_deref(), Some("[Support] {{subject}}"));
    let category = &intake.fields[3];
    assert_eq!(named(&category.maps_to).as_deref(), Some("custom_fields.category"));
    assert_eq!(category.field.options[3].label, "👤 Account Issue");
    let Definition::Intake(intake) = corpus("kanban", "intakes/bug-report.yaml") else { panic!() };
    assert_eq!((intake.key.value.as_str(), intake.priority.as_deref()), ("bug-report", Some("medium")));
    assert!(intake.public && !intake.requires_approval && intake.fields[1].field.options.len() == 4);
    assert_eq!(intake.fields[7].field.field_type, FieldType::File);
}

#[test]
fn mail_that_nothing_receives_yet() {
    let Definition::InboundEmail(inbound) = corpus("support", "inbound_email.yaml") else { panic!() };
    assert!(inbound.enabled && inbound.mappings.len() == 3);
    assert_eq!(inbound.mappings[1].sender_policy.as_deref(), Some("known_domains"));
}

/// Editors check with the schemas what `kiket check` checks with the shapes.
#[test]
fn every_file_that_is_read_without_error_fits_the_schema_of_its_kind() {
    let schemas: Vec<_> = Kind::ALL
        .iter()
        .map(|kind| (*kind, jsonschema::draft202012::new(&kind.schema()).expect("the schema is one")))
        .collect();
    let mut checked = 0;
    for source in ["engineering", "kanban", "release-mgmt", "support"].iter().flat_map(|pack| sources(pack)) {
        let parsed = kiket_core::definition::read(&source);
        let (Some(kind), Some(root)) = (parsed.kind, parsed.root) else { continue };
        let schema = schemas.iter().find(|(known, _)| *known == kind).map(|(_, schema)| schema);
        let refused =
            schema.and_then(|schema| schema.iter_errors(&root.to_json()).next().map(|error| error.to_string()));
        assert_eq!(refused, None, "{}", source.path);
        checked += 1;
    }
    assert!(checked >= 25, "only {checked} files were checked");
}
