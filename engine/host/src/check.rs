//! What can be said of a component without compiling it: whether it is one, and
//! whether it asks for anything that this host does not offer.
//!
//! It reads everything a component holds, types within types included, so a
//! stranger's is looked at in a child ([`compiler`](crate::compiler)).

use wasmparser::{Parser, Payload, Validator, WasmFeatures};

use crate::engine::refused_features;
use crate::error::LoadError;
use crate::imports;
use crate::load::{WANTED, exports_nothing, versioned};

/// Validates the component, and looks at its own imports and exports.
pub(crate) fn check(component: &[u8]) -> Result<(), LoadError> {
    // Some of its messages have several lines.
    let invalid = |error: wasmparser::BinaryReaderError| {
        LoadError::Invalid(error.to_string().split_whitespace().collect::<Vec<_>>().join(" "))
    };
    // Which imports are asked for is the better news, where validation would refuse one of them as well.
    let (imports, exports) = names(component).map_err(invalid)?;
    Validator::new_with_features(features()).validate_all(component).map_err(invalid)?;
    let unknown: Vec<String> = imports.into_iter().filter(|name| !imports::is_served(name)).collect();
    if !unknown.is_empty() {
        return Err(LoadError::UnknownImports(unknown));
    }
    if WANTED.map(versioned).iter().any(|wanted| exports.contains(wanted)) { Ok(()) } else { Err(exports_nothing()) }
}

/// What wasmtime has by default, in the way this crate builds it, less what is refused.
fn features() -> WasmFeatures {
    (WasmFeatures::WASM3 | WasmFeatures::COMPONENT_MODEL) - refused_features() - WasmFeatures::GC_TYPES
}

/// The imports and exports at the component's own level.
fn names(component: &[u8]) -> Result<(Vec<String>, Vec<String>), wasmparser::BinaryReaderError> {
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    exports.push(export?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok((imports, exports))
}
