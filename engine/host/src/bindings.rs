//! The Rust face of `wit/`, generated. Nothing here is written by hand.
//!
//! The host serves one world to everybody: every import, and every export a component may have. Which of
//! them a component really has is found out when it is loaded.

#![expect(missing_docs, reason = "what is generated beside the documented items of wit has no texts")]

wasmtime::component::bindgen!({
    path: "../../wit",
    inline: "
        package kiket:engine;
        world everything {
            include kiket:plugin/host@0.1.0;
            export kiket:plugin/action@0.1.0;
            export kiket:plugin/recovery@0.1.0;
            export kiket:plugin/guard@0.1.0;
            export kiket:plugin/trigger@0.1.0;
        }
    ",
    world: "kiket:engine/everything",
    imports: { default: async | trappable },
    exports: { default: async },
    additional_derives: [PartialEq, Clone, serde::Serialize, serde::Deserialize],
});
