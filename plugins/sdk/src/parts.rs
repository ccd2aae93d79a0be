//! A whole from parts: what is larger than one answer of the host may be is read piece by piece.

/// Joins the parts that `read` returns for ascending offsets, until one is shorter than `length`.
pub(crate) fn join<E>(length: u32, mut read: impl FnMut(u64) -> Result<Vec<u8>, E>) -> Result<Vec<u8>, E> {
    let mut whole = read(0)?;
    let mut last = whole.len();
    while last == length as usize {
        let part = read(whole.len() as u64)?;
        last = part.len();
        whole.extend(part);
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &[u8], length: u32) -> (Vec<u8>, u32) {
        let mut reads = 0;
        let whole = join::<()>(length, |offset| {
            reads += 1;
            let start = usize::try_from(offset).expect("a small file");
            Ok(file[start..file.len().min(start + length as usize)].to_vec())
        });
        (whole.expect("no read fails"), reads)
    }

    #[test]
    fn reads_on_until_a_part_is_short() {
        assert_eq!(read(b"abcdefg", 3), (b"abcdefg".to_vec(), 3));
        assert_eq!(read(b"abcdef", 3), (b"abcdef".to_vec(), 3));
    }

    #[test]
    fn a_small_file_is_read_at_once() {
        assert_eq!(read(b"ab", 3), (b"ab".to_vec(), 1));
        assert_eq!(read(b"", 3), (Vec::new(), 1));
    }

    #[test]
    fn ends_with_the_first_mistake() {
        let mut reads = 0;
        let whole = join(2, |_| {
            reads += 1;
            if reads == 1 { Ok(vec![0; 2]) } else { Err("gone") }
        });
        assert_eq!(whole, Err("gone"));
    }
}
