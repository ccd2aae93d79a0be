//! Kiket's files come in many hands' writing: what can be read is read, what would mean nothing is an error.

use insta::assert_snapshot;
use kiket_core::definition::Definition;

use crate::support::{complaints, read};

fn names<'d>(located: impl IntoIterator<Item = &'d kiket_core::definition::Located<String>>) -> Vec<&'d str> {
    located.into_iter().map(|located| located.value.as_str()).collect()
}

#[test]
fn a_project_that_says_everything_on_the_first_level() {
    let text = r#"
model_version: 1.0
project: { key: SHOP, name: Shop, visibility: private, tags: [a], id: 7 }
team:
  lead: ada@example.com
  roles:
    - name: lead
      permissions: ["issues:*"]
      members: [ada@example.com]
    - qa
    - dev: { description: Writes code }
  members: [{ email: bob@example.com, role: qa }, cleo@example.com]
  groups: { core: [ada@example.com, bob@example.com] }
  onboarding: [{ title: Read the handbook }]
workflows: [workflows/a.yaml]
boards: [boards/a.yaml]
automations: [automations/a.yaml]
integrations: [{ type: slack, enabled: yes }]
permissions: { default_role: dev }
labels: [bug, { name: urgent, color: red }]
custom_fields:
  severity: { type: enum, options: [low, high], required: yes }
  reporter: user
environments: { staging: { url: https://staging.example.com }, production: ~ }
env: [SLACK_WEBHOOK]
secrets: { DEPLOY_KEY: { description: Signs } }
extensions: [github]
roles: { auditor: { description: Reads } }
"#;
    let Definition::Project(project) = read("project.yaml", text) else { panic!() };
    assert_eq!(names(project.team.roles.iter().map(|role| &role.name)), ["lead", "qa", "dev", "auditor"]);
    let members: Vec<String> = project
        .team
        .members
        .iter()
        .map(|member| format!("{}: {}", member.name.value, names(&member.roles).join(" ")))
        .collect();
    assert_eq!(members, ["bob@example.com: qa", "cleo@example.com: ", "ada@example.com: lead"]);
    assert_eq!(project.team.groups[0].members.len(), 2);
    assert_eq!(project.labels, ["bug", "urgent"]);
    assert_eq!(project.environments, ["staging", "production"]);
    assert_eq!((project.env, project.secrets), (vec!["SLACK_WEBHOOK".to_owned()], vec!["DEPLOY_KEY".to_owned()]));
    assert_eq!(names(&project.required_extensions), ["github"]);
    assert_eq!(names(project.fields.iter().map(|field| &field.key)), ["severity", "reporter"]);
    assert!(project.fields[0].required && project.fields[0].options.len() == 2);
    assert_eq!(project.fields[1].field_type.word(), "user");
}

#[test]
fn a_team_in_a_file_of_its_own() {
    let flat = "roles: [{ key: qa, name: Quality }]\nmembers: { ada@example.com: qa, bob@example.com: { roles: [qa, dev] } }\n";
    let Definition::Team(team) = read("team.yaml", flat) else { panic!() };
    assert_eq!(names(team.roles.iter().map(|role| &role.name)), ["qa"]);
    assert_eq!(names(&team.members[1].roles), ["qa", "dev"]);
    let Definition::Team(team) = read("team.yml", "team: [ada@example.com]\n") else { panic!() };
    assert_eq!(names(team.members.iter().map(|member| &member.name)), ["ada@example.com"]);
    let nested = "model_version: \"1.0\"\nteam:\n  roles: [qa]\n  defaults: { role: qa }\n";
    let Definition::Team(team) = read("team.yaml", nested) else { panic!() };
    assert!(team.roles.len() == 1 && team.defaults.is_some());
}

#[test]
fn boards_alone_several_and_flat() {
    let flat = "key: main\nname: Main\ntype: scrum\nworkflow: dev\ncolumns:\n  - { name: todo }\n  - { key: doing, state: in_progress, wip_limit: 0, wip_policy: block, policies: { restrict_roles: [dev] } }\nswimlanes: assignee\nfilters: [bug]\ncards: { show: [title] }\n";
    let Definition::Boards(boards) = read("boards/x.yaml", flat) else { panic!() };
    assert_eq!(names(&boards[0].columns[0].states), ["todo"]);
    assert_eq!(names(&boards[0].columns[1].states), ["in_progress"]);
    assert!(boards[0].columns[1].wip_blocks && boards[0].columns[1].wip_limit == Some(0));
    assert_eq!(boards[0].swimlanes.as_ref().and_then(|rows| rows.field.as_deref()), Some("assignee"));
    assert!(boards[0].card_template.is_some());
    let several = "boards:\n  - { id: one, workflow: a }\n  - { workflow: b, swimlanes: { enabled: off, by: type } }\n";
    let Definition::Boards(boards) = read("boards.yaml", several) else { panic!() };
    assert_eq!(names(boards.iter().map(|board| &board.id)), ["one", "boards-2"]);
    assert!(!boards[1].swimlanes.as_ref().expect("it has some").enabled);
    let Definition::Boards(boards) = read("boards/main.yaml", "board: {}\n") else { panic!() };
    assert_eq!((boards[0].id.value.as_str(), boards[0].columns.len()), ("main", 0));
}

#[test]
fn automations_and_recipes_in_other_words() {
    let text = r#"
automations:
  - { name: A, trigger: issue.created, actions: [{ notify: { channel: x } }] }
  - { id: b, enabled: no, trigger: { event: schedule.cron, schedule: { cron: "0 9 * * 1-5" } } }
  - { id: c, trigger: { event: [issue.created, issue.updated], when: "priority == 'high'" } }
"#;
    let Definition::Automations(automations) = read("automations/some.yaml", text) else { panic!() };
    assert_eq!(names(automations.iter().map(|automation| &automation.id)), ["some-1", "b", "c"]);
    assert!(!automations[1].enabled && automations[1].trigger.schedule.is_some());
    assert!(automations[1].trigger.events.is_empty() && automations[2].trigger.events.len() == 2);
    let alone = "id: one\ntrigger: { event: sla.breached }\nactions: []\n";
    let Definition::Automations(automations) = read("automations/one.yaml", alone) else { panic!() };
    assert_eq!(automations.len(), 1);
    let recipe = "recipe:\n  trigger: { event: scheduled, cron: \"*/5 * * * *\" }\n  guards: [{ extension: risk }]\n";
    let Definition::Recipe(recipe) = read("workflows/dev/automation_recipes/tick.yaml", recipe) else { panic!() };
    assert_eq!((recipe.key.value.as_str(), recipe.workflow.as_deref()), ("tick", Some("dev")));
    assert!(recipe.schedule.is_some() && recipe.events.is_empty());
}

#[test]
fn forms_and_extensions_in_other_words() {
    let form = "intake_form:\n  fields:\n    - { type: heading, label: You }\n    - { key: mail, type: email, required: true }\n    - { key: kind, type: multi_enum, options: { a: First, b: Second } }\n  case: { case_type: Bug, status: new }\n";
    let Definition::Intake(intake) = read("intakes/f.yml", form) else { panic!() };
    assert!(intake.fields[0].layout && !intake.fields[1].layout && intake.key.value == "f");
    assert_eq!(intake.fields[2].field.options[1].label, "Second");
    assert_eq!(names(intake.item_type.iter().chain(&intake.state)), ["Bug", "new"]);
    let manifest = "model_version: \"1.0\"\nextension:\n  id: com.example.risk\n  delivery: http\n  callback: { url: https://risk.example.com, secret: env.RISK_SECRET, timeout: 5000 }\n  hooks: [issue.created, { event: workflow.before_transition, required: true, retries: 2 }]\n  configuration: { KEY: { type: string, secret: true } }\n  contributes: { commands: [] }\ncompatibility: { kiket: \">=1.0\" }\n";
    let Definition::Extension(extension) = read("extensions/risk/manifest.yaml", manifest) else { panic!() };
    assert_eq!(names(extension.secret.iter().chain(&extension.url)), ["RISK_SECRET", "https://risk.example.com"]);
    assert!(extension.hooks[1].required && !extension.hooks[0].required);
    let flat = "name: risk\nversion: 1.0.0\nscopes: { read: [issues] }\nevents: [issue.created]\n";
    let Definition::Extension(extension) = read("extensions/risk/manifest.yaml", flat) else { panic!() };
    assert_eq!((extension.id.value.as_str(), extension.name.as_str()), ("risk", "risk"));
    let mail = "inbound_email: { enabled: yes, mappings: [support, { email_address: urgent }] }\n";
    let Definition::InboundEmail(inbound) = read("inbound_email.yaml", mail) else { panic!() };
    assert_eq!(names(inbound.mappings.iter().map(|mapping| &mapping.address)), ["support", "urgent"]);
}

#[test]
fn a_version_is_missed_and_a_later_one_is_read_as_far_as_it_goes() {
    assert_snapshot!(complaints("project.yaml", "project: { key: A, name: A }\n"));
    assert_snapshot!(complaints(
        "project.yaml",
        "model_version: \"2.0\"\nworkspace: { key: A, name: A, process: {} }\n"
    ));
}

#[test]
fn what_would_mean_nothing_is_an_error() {
    let types = "model_version: \"1.0\"\ncase_types:\n  - { label: Nameless }\n  - { key: Bug, active: maybe, fields: [{ label: x }, { key: y, required: 3 }, { key: y }] }\n  - { key: Bug }\n";
    let board =
        "model_version: \"1.0\"\nboard: { id: b, columns: [{ key: a, wip_limit: many }, { wip_limit: -1 }, text] }\n";
    let automations = "model_version: \"1.0\"\nautomations:\n  - { id: a, trigger: { event: schedule, cron: \"0 9 * *\" } }\n  - { id: b, trigger: { event: schedule } }\n  - { id: c, actions: [] }\n  - { id: a, trigger: { event: x, cron: \"61 * * * *\" }, query: { last_updated_before: soon } }\n";
    let files = [
        ("case_types.yaml", types),
        ("boards/b.yaml", board),
        ("automations/a.yaml", automations),
        (
            "workflows/w/automation_recipes/r.yaml",
            "model_version: \"1.0\"\nrecipe: { trigger: scheduled, schedule: daily }\n",
        ),
    ];
    assert_snapshot!(files.map(|(path, text)| complaints(path, text)).concat());
}

#[test]
fn the_kind_of_a_file_is_its_root_key_and_then_its_path() {
    let word = |path: &str, text: &str| {
        let parsed = kiket_core::definition::read(&crate::support::source(path, text));
        parsed.kind.map_or("none", kiket_core::definition::Kind::word)
    };
    let cases = [
        ("elsewhere.yaml", "workspace: {}", "project"),
        ("elsewhere.yaml", "case_types: []", "item_types"),
        ("elsewhere.yaml", "boards: []", "board"),
        ("elsewhere.yaml", "automations: []", "automations"),
        ("boards/a.yaml", "recipe: {}", "recipe"),
        ("boards/a.yaml", "columns: []\nautomations: []", "board"),
        ("workflows/a.yaml", "workflow: { id: a }\nautomations: []", "workflow"),
        ("workflows/a/automation_recipes/b.yaml", "trigger: x", "recipe"),
        ("workflows/a/capacity.yml", "limit: 3", "none"),
        ("project.yaml", "project: {}\nboards: [boards/a.yaml]\nautomations: [automations/a.yaml]", "project"),
        ("config.yaml", "automations: { enabled: true }\nboards: { cache: 5 }", "none"),
        ("simulations/a.yaml", "workflow: { id: a }\nsteps: []", "none"),
        ("automations/README.yaml", "see: elsewhere", "none"),
        ("extensions/a/manifest.yml", "name: a", "extension"),
        ("dashboards/a.yaml", "dashboard: {}\nproject: SHOP", "none"),
        ("plugins.yaml", "plugins: {}", "plugins"),
        ("plugins.lock", "plugins: {}", "lock"),
        ("old/plugins.lock", "plugins: {}", "none"),
        ("pipelines/a.yaml", "stages: {}", "pipeline"),
    ];
    for (path, text, kind) in cases {
        assert_eq!(word(path, text), kind, "{path}: {text}");
    }
}
