//! The Rust face of `wit/`, generated. Nothing here is written by hand, and
//! nothing outside this crate sees these types.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "plugin",
    imports: { default: async | trappable },
    exports: { default: async },
});
