//! Divides the data of a module that is taken apart (`split.rs`): words that only the second part mentions go with it.
//!
//! What may go are texts. The compiler reaches a text by its own address and a length, never by the address of a neighbour
//! plus a distance, as it may do with a table. The linker is told to keep them apart (`--no-merge-data-segments`).

use std::collections::HashSet;

use anyhow::{Result, bail};
use walrus::ir::{Load, Store, Value, Visitor, dfs_in_order};
use walrus::{ConstExpr, DataKind, FunctionId, FunctionKind, Module};

use crate::split::constant;

/// What a segment costs beside its bytes, about: gaps up to this are filled with what lies there.
const OVERHEAD: usize = 8;

struct Segment {
    at: usize,
    bytes: Vec<u8>,
    /// Whether the first part may need it.
    first: bool,
}

impl Segment {
    fn end(&self) -> usize {
        self.at + self.bytes.len()
    }

    /// Written by hand, nothing else: no zeros, no addresses.
    fn is_text(&self) -> bool {
        !self.bytes.is_empty()
            && std::str::from_utf8(&self.bytes).is_ok_and(|text| text.chars().all(|c| c == '\n' || !c.is_control()))
    }
}

/// Leaves each of the two parts the data it needs; `firsts` are the functions of `first`.
pub fn divide(first: &mut Module, second: &mut Module, firsts: &HashSet<FunctionId>) -> Result<()> {
    let mut segments = segments(first)?;
    let mut addresses = Addresses::default();
    for id in firsts {
        if let FunctionKind::Local(body) = &first.funcs.get(*id).kind {
            dfs_in_order(&mut addresses, body, body.entry_block());
        }
    }
    for segment in &mut segments {
        segment.first = !segment.is_text();
    }
    // The address behind the last byte belongs to a text too, unless another begins there.
    let starts: HashSet<usize> = segments.iter().map(|segment| segment.at).collect();
    let mut waiting = addresses.0;
    for segment in segments.iter().filter(|segment| segment.first) {
        waiting.extend(
            segment.bytes.windows(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]) as usize),
        );
    }
    for address in waiting {
        let touched = |segment: &&mut Segment| {
            (segment.at..segment.end()).contains(&address) || (segment.end() == address && !starts.contains(&address))
        };
        segments.iter_mut().filter(touched).for_each(|segment| segment.first = true);
    }
    put(first, &segments, true);
    put(second, &segments, false);
    Ok(())
}

/// The data of the module in the order of their addresses.
fn segments(module: &Module) -> Result<Vec<Segment>> {
    let mut segments = Vec::new();
    for data in module.data.iter() {
        let DataKind::Active { offset, .. } = &data.kind else { bail!("the module fills its memory by itself") };
        segments.push(Segment { at: constant(offset)? as usize, bytes: data.value.clone(), first: true });
    }
    segments.sort_by_key(|segment| segment.at);
    Ok(segments)
}

/// Gives the module the segments of its part in place of all that it had, joined where they are close. Texts are never
/// written to, so it does no harm that a gap between two brings those of the other part along.
fn put(module: &mut Module, segments: &[Segment], first: bool) {
    let mut joined: Vec<(usize, Vec<u8>)> = Vec::new();
    let mut between: Vec<&Segment> = Vec::new();
    for segment in segments {
        if segment.first != first {
            between.push(segment);
            continue;
        }
        match joined.last_mut() {
            Some((at, bytes))
                if segment.at <= *at + bytes.len() + OVERHEAD && between.iter().all(|text| text.is_text()) =>
            {
                for filling in between.iter().copied().chain([segment]) {
                    bytes.resize(filling.at - *at, 0);
                    bytes.extend(&filling.bytes);
                }
            }
            _ => joined.push((segment.at, segment.bytes.clone())),
        }
        between.clear();
    }
    let old: Vec<_> = module.data.iter().map(walrus::Data::id).collect();
    for id in old {
        module.data.delete(id);
    }
    let memories: Vec<_> = module.memories.iter().map(walrus::Memory::id).collect();
    for memory in memories {
        module.memories.get_mut(memory).data_segments.clear();
        for (at, bytes) in joined.drain(..) {
            let offset = ConstExpr::Value(Value::I32(at as i32));
            let id = module.data.add(DataKind::Active { memory, offset }, bytes);
            module.memories.get_mut(memory).data_segments.insert(id);
        }
    }
}

/// Every number in the code that can be an address.
#[derive(Default)]
struct Addresses(HashSet<usize>);

impl<'a> Visitor<'a> for Addresses {
    fn visit_value(&mut self, value: &Value) {
        if let Value::I32(value) = value {
            self.0.insert(*value as u32 as usize);
        }
    }

    fn visit_load(&mut self, load: &Load) {
        self.0.insert(load.arg.offset as usize);
    }

    fn visit_store(&mut self, store: &Store) {
        self.0.insert(store.arg.offset as usize);
    }
}
