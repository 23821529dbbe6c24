//! SHA-256 (FIPS 180-4) in as few bytes as it takes: loops, and constants that are computed instead of stored.

use core::sync::atomic::{AtomicU32, Ordering};

/// The 64 round constants and the 8 words of the initial state, once [`constant`] has made them.
static CONSTANTS: [AtomicU32; 72] = [const { AtomicU32::new(0) }; 72];

/// The SHA-256 of `message`.
pub fn hash(message: &[u8]) -> [u8; 32] {
    // The last one to be stored.
    if CONSTANTS[63].load(Ordering::Acquire) == 0 {
        compute_constants();
    }
    let mut state = [0; 8];
    for (i, word) in state.iter_mut().enumerate() {
        *word = constant(64 + i);
    }
    let length = message.len();
    // The message, a one bit, zeros, and the length in bits as 64-bit number (§5.1.1).
    let end = (length + 9).div_ceil(64) * 64;
    let mut words = [0; 64];
    for start in (0..end).step_by(64) {
        for i in 0..64 {
            let at = start + i;
            let byte = match message.get(at) {
                Some(byte) => *byte,
                None if at == length => 0x80,
                None if at + 8 >= end => ((length as u64 * 8) >> (8 * (end - 1 - at))) as u8,
                None => 0,
            };
            words[i / 4] = words[i / 4] << 8 | u32::from(byte);
        }
        compress(&mut state, &mut words);
    }
    let mut out = [0; 32];
    for (i, byte) in out.iter_mut().enumerate() {
        *byte = (state[i / 4] >> (24 - i % 4 * 8)) as u8;
    }
    out
}

/// One block (§6.2.2); its words are the first 16 of `words`.
fn compress(state: &mut [u32; 8], words: &mut [u32; 64]) {
    for i in 16..64 {
        let (a, b) = (words[i - 15], words[i - 2]);
        let low = a.rotate_right(7) ^ a.rotate_right(18) ^ a >> 3;
        let high = b.rotate_right(17) ^ b.rotate_right(19) ^ b >> 10;
        words[i] = words[i - 16].wrapping_add(low).wrapping_add(words[i - 7]).wrapping_add(high);
    }
    let mut v = *state;
    for (i, word) in words.iter().enumerate() {
        let [a, b, c, _, e, f, g, h] = v;
        let high = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
        let choice = e & f ^ !e & g;
        let first = h.wrapping_add(high).wrapping_add(choice).wrapping_add(constant(i)).wrapping_add(*word);
        let low = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
        let majority = a & b ^ a & c ^ b & c;
        v.copy_within(0..7, 1);
        v[4] = v[4].wrapping_add(first);
        v[0] = first.wrapping_add(low).wrapping_add(majority);
    }
    for (word, add) in state.iter_mut().zip(v) {
        *word = word.wrapping_add(add);
    }
}

fn constant(i: usize) -> u32 {
    CONSTANTS[i].load(Ordering::Relaxed)
}

/// §4.2.2: the fractions of the cube roots of the first 64 primes; §5.3.3: of the square roots of the first eight.
fn compute_constants() {
    let (mut prime, mut count) = (2, 0);
    while count < 64 {
        if (2..prime).all(|divisor| prime % divisor != 0) {
            if let Some(word) = CONSTANTS.get(64 + count) {
                word.store(root(prime, false), Ordering::Relaxed);
            }
            CONSTANTS[count].store(root(prime, true), Ordering::Release);
            count += 1;
        }
        prime += 1;
    }
}

/// The first 32 bits after the point of a root of `n`: the low half of the root of `n` · 2^96 or `n` · 2^64.
fn root(n: u32, cube: bool) -> u32 {
    let mut root: u128 = 0;
    for bit in (0..37).rev() {
        let trial = root | 1 << bit;
        let (power, shift) = if cube { (trial * trial * trial, 96) } else { (trial * trial, 64) };
        if power <= u128::from(n) << shift {
            root = trial;
        }
    }
    root as u32
}
