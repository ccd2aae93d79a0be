//! Puts WebAssembly together byte by byte, where the text format has no words or takes too long.

/// Ids of the sections of a component.
pub(crate) const CUSTOM: u8 = 0;
pub(crate) const CORE_MODULE: u8 = 1;
pub(crate) const CORE_INSTANCE: u8 = 2;
pub(crate) const TYPE: u8 = 7;

/// Appends a section. What a component holds refers to what came before, so more may follow.
pub(crate) fn append(component: &mut Vec<u8>, id: u8, contents: &[u8]) {
    component.push(id);
    component.extend(leb(contents.len()));
    component.extend(contents);
}

/// A custom section's contents: its name, and as many bytes as are asked for.
pub(crate) fn custom(name: &str, bytes: usize) -> Vec<u8> {
    [leb(name.len()), name.as_bytes().to_vec(), vec![b'x'; bytes]].concat()
}

/// A number as the format writes it.
pub(crate) fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).expect("seven bits");
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// A vector: its length, and as many times the same item.
pub(crate) fn repeat(times: usize, item: &[u8]) -> Vec<u8> {
    [leb(times), item.repeat(times)].concat()
}

/// A core module of many functions `(param i32) (result i32)` with the same body, which leaves one number.
pub(crate) fn functions(times: usize, body: &[u8]) -> Vec<u8> {
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    append(&mut module, 1, &[1, 0x60, 1, 0x7f, 1, 0x7f]);
    append(&mut module, 3, &repeat(times, &[0]));
    // No locals, the body, `end`.
    let code = [&[0], body, &[0x0b]].concat();
    append(&mut module, 10, &repeat(times, &[leb(code.len()), code].concat()));
    module
}

/// A body of many steps that each depend on the ones before: `p = (p * p) + p`, now and then in a block that may be left.
pub(crate) fn busy(steps: usize) -> Vec<u8> {
    // local.get 0, local.get 0, local.get 0, i32.mul, i32.add, local.set 0
    let step = [0x20, 0, 0x20, 0, 0x20, 0, 0x6c, 0x6a, 0x21, 0];
    // block, local.get 0, br_if 0, step, end
    let block = [&[0x02, 0x40, 0x20, 0, 0x0d, 0], &step[..], &[0x0b]].concat();
    [block.repeat(steps), vec![0x20, 0]].concat()
}

/// Types within types: an instance type that holds an instance type that holds …
pub(crate) fn nested_types(depth: usize) -> Vec<u8> {
    let mut types = vec![1];
    // instance type of one declaration, which is a type
    types.extend([0x42, 1, 1].repeat(depth));
    types.extend([0x42, 0]);
    types
}
