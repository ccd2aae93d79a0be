//! Kiket's kinds of files as their callers see them: definitions, and what is said about them.

#[path = "kinds/corpus.rs"]
mod corpus;
#[path = "kinds/decode.rs"]
mod decode;
#[path = "kinds/fields.rs"]
mod fields;
#[path = "kinds/properties.rs"]
mod properties;
#[path = "kinds/support.rs"]
mod support;
#[path = "kinds/tolerance.rs"]
mod tolerance;
#[path = "kinds/undeclared.rs"]
mod undeclared;
