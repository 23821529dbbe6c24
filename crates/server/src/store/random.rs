//! Random bytes of the system for the records, taken in larger pieces: a call into the kernel costs as much as five that
//! are already here.

use std::cell::RefCell;

/// Bytes of a piece; each thread has one.
const PIECE: usize = 1024;

struct Piece {
    bytes: [u8; PIECE],
    left: usize,
}

thread_local! {
    static PIECE_AT_HAND: RefCell<Piece> = const { RefCell::new(Piece { bytes: [0; PIECE], left: 0 }) };
}

/// `N` bytes that nobody has had or will have again. `None` when the system has none to give.
pub fn bytes<const N: usize>() -> Option<[u8; N]> {
    PIECE_AT_HAND.with_borrow_mut(|piece| {
        if piece.left < N {
            getrandom::fill(&mut piece.bytes).ok()?;
            piece.left = PIECE;
        }
        let (_, taken) = piece.bytes.get_mut(..piece.left)?.split_last_chunk_mut::<N>()?;
        piece.left -= N;
        // Not left lying here.
        Some(std::mem::replace(taken, [0; N]))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_bytes_are_given_twice_whatever_the_lengths() {
        let mut seen = HashSet::new();
        for _ in 0..200 {
            let (long, short) = (bytes::<32>().unwrap(), bytes::<24>().unwrap());
            for eight in long.chunks(8).chain(short.chunks(8)) {
                assert!(eight != [0; 8] && seen.insert(<[u8; 8]>::try_from(eight).unwrap()));
            }
        }
        let elsewhere = std::thread::spawn(|| bytes::<8>().unwrap()).join().unwrap();
        assert!(seen.insert(elsewhere), "each thread has its own");
    }
}
