//! Takes a module apart: what a first visit runs until the banner is there, and the rest, which comes after it.
//!
//! Which functions come first is no list that somebody keeps: `xtask/first-visit.mjs` makes first visits with a traced
//! copy of the module, and what ran comes first. A first part that meets a function which is not there yet traps, at the
//! null in the table; `www/glue.ts` then begins anew with both parts, and holds back what a start does until it has
//! succeeded. So a first visit that none of those was like costs time and nothing else.
//!
//! The two share memory, tables and globals. Each calls the functions of the other through the table: the second part
//! takes those of the first as imports that are named after their places in it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use anyhow::{Context, Result, bail};
use walrus::ir::{Call, CallIndirect, Const, Instr, InstrSeq, Value, Visitor, VisitorMut};
use walrus::ir::{dfs_in_order, dfs_pre_order_mut};
use walrus::{ConstExpr, ElementItems, ElementKind, FunctionId, FunctionKind, GlobalKind, ImportedFunction};
use walrus::{ExportItem, Module, TableId, TypeId, ValType};

use crate::segments;

/// Added to the imports of a traced module: called with its place at the start of each function.
const TRACE: (&str, &str) = ("trace", "ran");
/// The module name of the functions that the second part takes from the first, by their places in the table.
const FUNCTIONS: &str = "f";
/// The module name of memory, tables and globals, by the names that the first part exports them under.
const SHARED: &str = "s";
/// The name that the first part exports its functions' table by; the bindings of the second part use it
/// (`bindings.rs`). No name that wasm-bindgen's exports get ends in a digit.
const TABLE: &str = "$0";

/// What a module was taken apart into.
pub struct Parts {
    pub first: Vec<u8>,
    pub second: Vec<u8>,
}

/// A copy of the module that tells which functions run.
pub fn traced(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut module = Module::from_buffer(bytes)?;
    let ty = module.types.add(&[ValType::I32], &[]);
    let (ran, _) = module.add_import_func(TRACE.0, TRACE.1, ty);
    for (place, (_, body)) in module.funcs.iter_local_mut().enumerate() {
        let mut start = body.builder_mut().func_body();
        start.instr_at(0, Const { value: Value::I32(place as i32) });
        start.instr_at(1, Call { func: ran });
    }
    Ok(module.emit_wasm())
}

/// Takes the module apart; `ran` are the places of the functions that the traced copy has told of.
pub fn split(bytes: &[u8], ran: &BTreeSet<usize>) -> Result<Parts> {
    let mut first = Side::new(bytes)?;
    let mut second = Side::new(bytes)?;
    let firsts = first.with_exports(ran);
    let seconds = (0..first.functions.len()).filter(|place| !firsts.contains(place)).collect();
    // Behind the places in the table that the linker has given.
    let mut free = first.module.tables.get(first.table).initial;
    let mut places = |wanted: BTreeSet<usize>| -> Result<BTreeMap<usize, i32>> {
        let start = free;
        free += wanted.len() as u64;
        (start..).zip(wanted).map(|(place, function)| Ok((function, i32::try_from(place)?))).collect()
    };
    let from_second = places(first.calls(&firsts, &seconds))?;
    let from_first = places(second.calls(&seconds, &firsts))?;
    for side in [&mut first, &mut second] {
        let table = side.module.tables.get_mut(side.table);
        (table.initial, table.maximum) = (free, None);
    }
    first.call_through_table(&firsts, &from_second);
    first.keep_in_table(&firsts, &from_first)?;
    second.keep_in_table(&seconds, &from_second)?;
    second.import_functions(&from_first);
    second.drop_exports();
    let ids = first.ids(&firsts);
    segments::divide(&mut first.module, &mut second.module, &ids)?;
    // What both use is imported under the names that the first part exports it by.
    let shared = first.shared();
    second.import_shared(&shared);
    walrus::passes::gc::run(&mut second.module);
    for (name, item) in shared {
        let wanted = second.module.imports.find(SHARED, &name).is_some() || name == TABLE;
        if wanted && first.module.exports.iter().all(|export| export.name != name) {
            first.module.exports.add(&name, item);
        }
    }
    walrus::passes::gc::run(&mut first.module);
    Ok(Parts { first: first.module.emit_wasm(), second: second.module.emit_wasm() })
}

/// One part in the making, at first the whole module. A function is known by its place among those of the module, which
/// is the same on both sides.
struct Side {
    module: Module,
    functions: Vec<FunctionId>,
    table: TableId,
}

impl Side {
    fn new(bytes: &[u8]) -> Result<Self> {
        let module = Module::from_buffer(bytes)?;
        let functions = module.funcs.iter_local().map(|(id, _)| id).collect();
        let table = module.tables.main_function_table()?.context("the module has no table of functions")?;
        Ok(Self { module, functions, table })
    }

    /// What ran, and what the page can call.
    fn with_exports(&self, ran: &BTreeSet<usize>) -> BTreeSet<usize> {
        let exported =
            |id: &FunctionId| self.module.exports.get_exported_func(*id).is_some() || self.module.start == Some(*id);
        let places = self.functions.iter().enumerate();
        places.filter(|(place, id)| ran.contains(place) || exported(id)).map(|(place, _)| place).collect()
    }

    /// Those of `to` that the functions of `from` call by name.
    fn calls(&self, from: &BTreeSet<usize>, to: &BTreeSet<usize>) -> BTreeSet<usize> {
        let mut called = Called::default();
        for place in from {
            if let FunctionKind::Local(body) = &self.module.funcs.get(self.functions[*place]).kind {
                dfs_in_order(&mut called, body, body.entry_block());
            }
        }
        to.iter().copied().filter(|place| called.0.contains(&self.functions[*place])).collect()
    }

    /// Makes the calls of functions that are not there yet calls through the table.
    fn call_through_table(&mut self, own: &BTreeSet<usize>, places: &BTreeMap<usize, i32>) {
        let away = |(place, at): (&usize, &i32)| {
            let id = self.functions[*place];
            (id, (*at, self.module.funcs.get(id).ty()))
        };
        let mut detour = Detour { table: self.table, away: places.iter().map(away).collect() };
        for place in own {
            if let FunctionKind::Local(body) = &mut self.module.funcs.get_mut(self.functions[*place]).kind {
                let entry = body.entry_block();
                dfs_pre_order_mut(&mut detour, body, entry);
            }
        }
    }

    /// Leaves only `own` functions in the table, and adds those that the other part calls.
    fn keep_in_table(&mut self, own: &BTreeSet<usize>, more: &BTreeMap<usize, i32>) -> Result<()> {
        let own: HashSet<FunctionId> = own.iter().map(|place| self.functions[*place]).collect();
        let mut entries: BTreeMap<i32, FunctionId> =
            more.iter().map(|(place, at)| (*at, self.functions[*place])).collect();
        let old: Vec<_> = self.module.tables.get(self.table).elem_segments.iter().copied().collect();
        for id in old {
            let element = self.module.elements.get(id);
            let (ElementKind::Active { offset, .. }, ElementItems::Functions(items)) = (&element.kind, &element.items)
            else {
                bail!("the table is not filled with functions alone")
            };
            let start = constant(offset)?;
            let kept = (start..).zip(items).filter(|(_, function)| own.contains(function));
            entries.extend(kept.map(|(at, function)| (at, *function)));
            self.module.elements.delete(id);
        }
        let table = self.module.tables.get_mut(self.table);
        table.elem_segments.clear();
        let mut runs: Vec<(i32, Vec<FunctionId>)> = Vec::new();
        for (at, function) in entries {
            match runs.last_mut() {
                Some((start, run)) if *start as usize + run.len() == at as usize => run.push(function),
                _ => runs.push((at, vec![function])),
            }
        }
        for (start, run) in runs {
            let kind = ElementKind::Active { table: self.table, offset: ConstExpr::Value(Value::I32(start)) };
            let id = self.module.elements.add(kind, ElementItems::Functions(run));
            table.elem_segments.insert(id);
        }
        Ok(())
    }

    /// Makes functions of the first part imports of the second.
    fn import_functions(&mut self, places: &BTreeMap<usize, i32>) {
        for (place, at) in places {
            let id = self.functions[*place];
            let import = self.module.imports.add(FUNCTIONS, &at.to_string(), id);
            let function = self.module.funcs.get_mut(id);
            let ty = function.ty();
            function.kind = FunctionKind::Import(ImportedFunction { import, ty });
        }
    }

    fn drop_exports(&mut self) {
        self.module.start = None;
        let exports: Vec<_> = self.module.exports.iter().map(walrus::Export::id).collect();
        for export in exports {
            self.module.exports.delete(export);
        }
    }

    /// Memory, tables and globals with the names that they are exported by, or would be.
    fn shared(&self) -> Vec<(String, ExportItem)> {
        let Module { memories, tables, globals, exports, .. } = &self.module;
        let tables = tables.iter().map(walrus::Table::id);
        let items = memories.iter().map(|memory| memory.id().into()).chain(tables.map(ExportItem::from));
        let items: Vec<ExportItem> = items.chain(globals.iter().map(|global| global.id().into())).collect();
        let name = |(at, item): (usize, ExportItem)| {
            let known = exports.iter().find(|export| match (export.item, item) {
                (ExportItem::Memory(one), ExportItem::Memory(other)) => one == other,
                (ExportItem::Table(one), ExportItem::Table(other)) => one == other,
                (ExportItem::Global(one), ExportItem::Global(other)) => one == other,
                _ => false,
            });
            let own = if matches!(item, ExportItem::Table(id) if id == self.table) {
                TABLE.to_owned()
            } else {
                format!("${}", at + 1)
            };
            (known.map_or(own, |export| export.name.clone()), item)
        };
        items.into_iter().enumerate().map(name).collect()
    }

    /// Makes memory, tables and globals imports; `names` are in the order of the other part's.
    fn import_shared(&mut self, names: &[(String, ExportItem)]) {
        for ((name, _), (_, item)) in names.iter().zip(self.shared()) {
            let imports = &mut self.module.imports;
            match item {
                ExportItem::Memory(id) => self.module.memories.get_mut(id).import = Some(imports.add(SHARED, name, id)),
                ExportItem::Table(id) => self.module.tables.get_mut(id).import = Some(imports.add(SHARED, name, id)),
                ExportItem::Global(id) => {
                    self.module.globals.get_mut(id).kind = GlobalKind::Import(imports.add(SHARED, name, id));
                }
                _ => {}
            }
        }
    }

    fn ids(&self, places: &BTreeSet<usize>) -> HashSet<FunctionId> {
        places.iter().map(|place| self.functions[*place]).collect()
    }
}

/// The value of a constant expression that is a plain number.
pub fn constant(expression: &ConstExpr) -> Result<i32> {
    match expression {
        ConstExpr::Value(Value::I32(value)) => Ok(*value),
        _ => bail!("a segment lies where only the browser knows"),
    }
}

#[derive(Default)]
struct Called(HashSet<FunctionId>);

impl<'a> Visitor<'a> for Called {
    fn visit_call(&mut self, call: &Call) {
        self.0.insert(call.func);
    }
}

/// Puts calls through the table in the place of those that go `away`: place in the table and type, by function.
struct Detour {
    table: TableId,
    away: HashMap<FunctionId, (i32, TypeId)>,
}

impl VisitorMut for Detour {
    fn start_instr_seq_mut(&mut self, sequence: &mut InstrSeq) {
        let old = std::mem::take(&mut sequence.instrs);
        for (instruction, position) in old {
            if let Instr::Call(Call { func }) = instruction
                && let Some((at, ty)) = self.away.get(&func)
            {
                sequence.instrs.push((Const { value: Value::I32(*at) }.into(), position));
                sequence.instrs.push((CallIndirect { ty: *ty, table: self.table }.into(), position));
            } else {
                sequence.instrs.push((instruction, position));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use walrus::{DataKind, FunctionBuilder, ImportKind, RefType};

    /// `main` (exported) calls `now` and `later`, `later` calls `now`; each of the two mentions a text.
    fn module() -> Vec<u8> {
        let mut module = Module::default();
        let memory = module.memories.add_local(false, false, 1, None, None);
        module.exports.add("memory", memory);
        let table = module.tables.add_local(false, 1, Some(1), RefType::FUNCREF);
        let text = |module: &mut Module, at: i32, bytes: &[u8]| {
            let offset = ConstExpr::Value(Value::I32(at));
            let id = module.data.add(DataKind::Active { memory, offset }, bytes.to_vec());
            module.memories.get_mut(memory).data_segments.insert(id);
        };
        text(&mut module, 1024, b"words of the first part");
        text(&mut module, 2048, b"words of the second part");
        let mentions = |module: &mut Module, at: i32, calls: Option<FunctionId>| {
            let mut builder = FunctionBuilder::new(&mut module.types, &[], &[]);
            builder.func_body().i32_const(at).drop();
            if let Some(called) = calls {
                builder.func_body().call(called);
            }
            builder.finish(Vec::new(), &mut module.funcs)
        };
        let now = mentions(&mut module, 1024, None);
        let later = mentions(&mut module, 2048, Some(now));
        let mut builder = FunctionBuilder::new(&mut module.types, &[], &[]);
        builder.func_body().call(now).call(later).i32_const(0).call_indirect(module.funcs.get(now).ty(), table);
        let main = builder.finish(Vec::new(), &mut module.funcs);
        module.exports.add("main", main);
        let kind = ElementKind::Active { table, offset: ConstExpr::Value(Value::I32(0)) };
        let segment = module.elements.add(kind, ElementItems::Functions(vec![later]));
        module.tables.get_mut(table).elem_segments.insert(segment);
        module.emit_wasm()
    }

    /// The place of the function that mentions the address.
    fn mentioning(bytes: &[u8], address: i32) -> Result<usize> {
        struct Mentions(i32, bool);
        impl<'a> Visitor<'a> for Mentions {
            fn visit_value(&mut self, value: &Value) {
                self.1 |= matches!(value, Value::I32(number) if *number == self.0);
            }
        }
        let module = Module::from_buffer(bytes)?;
        let found = module.funcs.iter_local().position(|(_, body)| {
            let mut mentions = Mentions(address, false);
            dfs_in_order(&mut mentions, body, body.entry_block());
            mentions.1
        });
        found.context("no such function")
    }

    #[test]
    fn each_part_has_its_functions_and_texts_and_the_two_share_one_memory() -> Result<()> {
        let bytes = module();
        let parts = split(&bytes, &BTreeSet::from([mentioning(&bytes, 1024)?]))?;
        let (first, second) = (Module::from_buffer(&parts.first)?, Module::from_buffer(&parts.second)?);

        assert_eq!((first.funcs.iter_local().count(), second.funcs.iter_local().count()), (2, 1));
        assert!(mentioning(&parts.first, 2048).is_err());
        assert!(mentioning(&parts.second, 1024).is_err());
        let texts = |module: &Module| module.data.iter().map(|data| data.value.clone()).collect::<Vec<_>>();
        assert_eq!(texts(&first), [b"words of the first part".to_vec()]);
        assert_eq!(texts(&second), [b"words of the second part".to_vec()]);

        let imports: Vec<_> = second.imports.iter().map(|import| (import.module.as_str(), &import.kind)).collect();
        assert_eq!(first.imports.iter().count(), 0);
        for (module, kind) in imports {
            assert_eq!(module == FUNCTIONS, matches!(kind, ImportKind::Function(_)));
        }
        for shared in second.imports.iter().filter(|import| import.module == SHARED) {
            assert!(first.exports.iter().any(|export| export.name == shared.name), "{} is not exported", shared.name);
        }
        Ok(())
    }

    #[test]
    fn nothing_of_the_second_part_is_in_the_first_ones_table() -> Result<()> {
        let bytes = module();
        let now = mentioning(&bytes, 1024)?;
        let parts = split(&bytes, &BTreeSet::from([now]))?;
        let entries = |module: &Module| -> Result<Vec<i32>> {
            let mut places = Vec::new();
            for element in module.elements.iter() {
                if let (ElementKind::Active { offset, .. }, ElementItems::Functions(items)) =
                    (&element.kind, &element.items)
                {
                    places.extend((constant(offset)?..).take(items.len()));
                }
            }
            places.sort_unstable();
            Ok(places)
        };
        // Place 0 is the linker's; 1 is what the first part calls of the second, 2 the other way round.
        assert_eq!(entries(&Module::from_buffer(&parts.first)?)?, [2]);
        assert_eq!(entries(&Module::from_buffer(&parts.second)?)?, [0, 1]);
        Ok(())
    }
}
