//! What a manifest may look like.

use super::{Effect, SettingType};
use crate::grants::Capability;
use crate::shape::{IdRule, Keys, Record, Shape, closed, optional, required};

/// A manifest.
pub(super) static FILE: Record = closed(
    "the manifest",
    "What a plugin says of itself.",
    &[
        optional("model_version", Shape::Any, "Version of the language: \"1.0\"."),
        optional("delivery", Shape::Word(&["wasm"]), "How it is called: wasm, as a component."),
        required("id", Shape::Id(IdRule::Key), "Short name, as `uses:` names a bundled plugin."),
        optional("name", Shape::Scalar, "Name for people."),
        optional("version", Shape::Scalar, "Semantic version."),
        optional("description", Shape::Scalar, "What it is for."),
        optional("author", Shape::Scalar, "Who wrote it."),
        optional("license", Shape::Scalar, "SPDX expression."),
        optional("actions", Shape::Map(&ACTIONS, &Shape::Record(&ACTION)), "Its actions by name."),
        optional("guards", Shape::Map(&GUARDS, &Shape::Record(&GUARD)), "Its guards by name."),
        optional("capabilities", Shape::List(&ASK_OR_WORD), "The capabilities it asks for."),
        optional("configuration", Shape::Map(&SETTINGS, &Shape::Record(&SETTING)), "What can be set of it, by name."),
    ],
);

static ACTIONS: Keys = Keys { name: "action", rule: Some(IdRule::Definition), required: true };
static GUARDS: Keys = Keys { name: "guard", rule: Some(IdRule::Definition), required: true };
static SETTINGS: Keys = Keys { name: "setting", rule: Some(IdRule::Key), required: false };

static ACTION: Record = closed(
    "action",
    "One action of a plugin.",
    &[
        optional("description", Shape::Scalar, "What it does."),
        optional("effect", Shape::Word(&Effect::NAMES), "What a crash in its middle means; once where none is given."),
        optional("timeout", Shape::Duration, "How long it takes at most where the stage says nothing."),
        optional("input", Shape::Schema, "JSON Schema of the input; anything where none is given."),
        optional("output", Shape::Schema, "JSON Schema of the output; anything where none is given."),
    ],
);

static GUARD: Record = closed(
    "guard",
    "One guard of a plugin: it is asked whether a transition may be taken.",
    &[
        optional("description", Shape::Scalar, "What it looks at."),
        optional("timeout", Shape::Duration, "How long it takes at most where the transition says nothing."),
        optional("input", Shape::Schema, "JSON Schema of the input; anything where none is given."),
    ],
);

static ASK_OR_WORD: Shape = Shape::Either(&[Shape::Record(&ASK), Shape::Word(&Capability::NAMES)]);

static ASK: Record = closed(
    "capability",
    "A capability that a plugin asks for.",
    &[
        required("name", Shape::Word(&Capability::NAMES), "The capability."),
        optional("optional", Shape::Boolean, "Whether it works without it; false where nothing is given."),
        optional("reason", Shape::Scalar, "What it needs it for."),
    ],
);

static SETTING: Record = closed(
    "setting",
    "Something that can be set of a plugin.",
    &[
        required("type", Shape::Word(&SettingType::NAMES), "What it is."),
        optional("description", Shape::Scalar, "What it means."),
        optional("secret", Shape::Boolean, "Whether it is a secret, which is never shown."),
        optional("required", Shape::Boolean, "Whether the plugin does not work without it."),
        optional("default", Shape::Any, "The value where none is set."),
    ],
);
