//! The layout of C2SP tlog-tiles: the hashes of the tree and the entries as immutable files that anybody may cache.

use super::{Hash, HashReader, MAX_ENTRY, decimal, read_decimal, tree::fold};
use alloc::string::String;
use alloc::vec::Vec;

/// Hashes of a full tile.
pub const TILE_WIDTH: u64 = 256;

/// Levels of the tree that one level of tiles stands for.
const TILE_HEIGHT: u8 = 8;

/// The highest level that tlog-tiles allows.
const MAX_LEVEL: u8 = 63;

/// A tile: up to 256 hashes of subtrees side by side. On level 0 they are leaf hashes, above that the roots of the full
/// tiles below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tile {
    /// Level, from 0.
    pub level: u8,
    /// Place within the level, from 0.
    pub index: u64,
    /// How many hashes it has, 1 to 256.
    pub width: u16,
}

/// What a path of the log names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// `tile/<level>/<index>[.p/<width>]`
    Hashes(Tile),
    /// `tile/entries/<index>[.p/<width>]`; its level is 0.
    Entries(Tile),
}

impl Tile {
    /// Where the hash of a complete subtree is kept: tile level, tile and place in the tile. `None` for the levels in
    /// between, which are computed from the tile.
    pub fn place(height: u8, index: u64) -> Option<(u8, u64, u8)> {
        let within = (index % TILE_WIDTH) as u8;
        height.is_multiple_of(TILE_HEIGHT).then_some((height / TILE_HEIGHT, index / TILE_WIDTH, within))
    }

    /// The path below the log's prefix, `tile/0/x001/x234/067`.
    pub fn path(&self) -> String {
        self.path_under(&decimal(u64::from(self.level)))
    }

    /// The path of the bundle of the entries whose hashes this tile of level 0 has, `tile/entries/000.p/5`.
    pub fn entries_path(&self) -> String {
        self.path_under("entries")
    }

    fn path_under(&self, level: &str) -> String {
        let mut path = String::from("tile/");
        path.push_str(level);
        let digits = decimal(self.index);
        let mut padded = String::new();
        for _ in digits.len()..digits.len().div_ceil(3) * 3 {
            padded.push('0');
        }
        padded.push_str(&digits);
        let groups = padded.len() / 3;
        for group in 0..groups {
            path.push('/');
            if group + 1 < groups {
                path.push('x');
            }
            path.push_str(padded.get(group * 3..group * 3 + 3).unwrap_or(""));
        }
        if u64::from(self.width) < TILE_WIDTH {
            path.push_str(".p/");
            path.push_str(&decimal(u64::from(self.width)));
        }
        path
    }

    /// The number of hashes that a tile of this level and place has in a tree of `size` entries; 0 when it has none.
    pub fn width_at(level: u8, index: u64, size: u64) -> u16 {
        let hashes = size.checked_shr(u32::from(level) * u32::from(TILE_HEIGHT)).unwrap_or(0);
        let here = index.checked_mul(TILE_WIDTH).map_or(0, |first| hashes.saturating_sub(first));
        here.min(TILE_WIDTH) as u16
    }
}

impl Resource {
    /// Reads a path below the log's prefix, in the one form in which it may be written.
    pub fn parse(path: &str) -> Option<Self> {
        let (level, place) = path.strip_prefix("tile/")?.split_once('/')?;
        let (place, width) = match place.split_once(".p/") {
            Some((place, width)) => (place, read_decimal(width).filter(|width| (1..TILE_WIDTH).contains(width))?),
            None => (place, TILE_WIDTH),
        };
        let mut index = 0u64;
        let groups = place.split('/').count();
        for (at, group) in place.split('/').enumerate() {
            let digits = if at + 1 < groups { group.strip_prefix('x')? } else { group };
            if digits.len() != 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            index = index.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
        }
        let width = u16::try_from(width).ok()?;
        let resource = if level == "entries" {
            Self::Entries(Tile { level: 0, index, width })
        } else {
            let level = u8::try_from(read_decimal(level)?).ok().filter(|level| *level <= MAX_LEVEL)?;
            Self::Hashes(Tile { level, index, width })
        };
        // `x000/001` names what `001` names.
        (resource.path() == path).then_some(resource)
    }

    /// The path below the log's prefix.
    pub fn path(&self) -> String {
        match self {
            Self::Hashes(tile) => tile.path(),
            Self::Entries(tile) => tile.entries_path(),
        }
    }
}

/// The partial tiles of a tree of `size` entries, which must be there for its checkpoint.
pub fn partial_tiles(size: u64) -> Vec<Tile> {
    let mut tiles = Vec::new();
    let (mut level, mut hashes) = (0, size);
    while hashes > 0 {
        let width = (hashes % TILE_WIDTH) as u16;
        hashes /= TILE_WIDTH;
        if width > 0 {
            tiles.push(Tile { level, index: hashes, width });
        }
        level += 1;
    }
    tiles
}

/// A reader of hashes over tiles: `read(level, index)` gives the bytes of a tile, full or partial.
pub struct Tiles<F>(pub F);

impl<F: Fn(u8, u64) -> Option<B>, B: AsRef<[u8]>> HashReader for Tiles<F> {
    fn node(&self, height: u8, index: u64) -> Option<Hash> {
        // The subtree's root is computed from the hashes of the tile level below it.
        let within = height % TILE_HEIGHT;
        let first = index.checked_mul(1 << within)?;
        let tile = (self.0)(height / TILE_HEIGHT, first / TILE_WIDTH)?;
        let start = (first % TILE_WIDTH) as usize * 32;
        let bytes = tile.as_ref().get(start..start + (32 << within))?;
        let mut hashes: Vec<Hash> = bytes.chunks_exact(32).filter_map(|hash| hash.try_into().ok()).collect();
        while hashes.len() > 1 {
            hashes = hashes.chunks(2).filter_map(fold).collect();
        }
        hashes.pop()
    }
}

/// An entry bundle: the entries, each behind its length in two bytes. `None` when one is longer than [`MAX_ENTRY`].
pub fn encode_bundle<'a>(entries: impl IntoIterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for entry in entries {
        let length = u16::try_from(entry.len()).ok().filter(|length| usize::from(*length) <= MAX_ENTRY)?;
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(entry);
    }
    Some(out)
}

/// The entries of a bundle. `None` when its bytes are not a whole number of entries.
pub fn decode_bundle(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let (mut entries, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() {
        let (length, behind) = rest.split_first_chunk::<2>()?;
        let (entry, next) = behind.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        entries.push(entry);
        rest = next;
    }
    Some(entries)
}
