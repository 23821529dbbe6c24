//! Takes functions out of the table that nothing can call through it any more.
//!
//! The linker gives every function whose address is taken a place in the table. Most of these places are those of
//! js-sys' closures: only wasm-bindgen's descriptors take their addresses, and wasm-bindgen has removed the descriptors
//! by now. `wasm-opt` keeps whatever is in a table that is called at all.

use std::collections::HashSet;

use walrus::ir::{Call, CallIndirect, RefFunc, ReturnCall, ReturnCallIndirect, Visitor, dfs_in_order};
use walrus::{ElementItems, ExportItem, FunctionBuilder, FunctionId, FunctionKind, Module, TypeId};

/// Puts a trap in the place of every table entry of a type that no reachable code calls through a table. Such a call
/// would have trapped before: it checks the type.
pub fn table(module: &mut Module) {
    let functions: Vec<FunctionId> = module
        .elements
        .iter()
        .flat_map(|element| match &element.items {
            ElementItems::Functions(functions) => functions.as_slice(),
            ElementItems::Expressions(..) => &[],
        })
        .copied()
        .collect();
    // The page can call what it is handed in an exported table.
    let exported = module.exports.iter().any(|export| match export.item {
        ExportItem::Table(table) => !module.tables.get(table).elem_segments.is_empty(),
        _ => false,
    });
    if exported {
        return;
    }
    let live = reachable(module, &functions);
    let mut builder = FunctionBuilder::new(&mut module.types, &[], &[]);
    builder.func_body().unreachable();
    let trap = builder.finish(Vec::new(), &mut module.funcs);
    for element in module.elements.iter_mut() {
        if let ElementItems::Functions(functions) = &mut element.items {
            for function in functions.iter_mut().filter(|function| !live.contains(*function)) {
                *function = trap;
            }
        }
    }
}

/// What can run: from the exports and the start function on, directly or through the table by type.
fn reachable(module: &Module, table: &[FunctionId]) -> HashSet<FunctionId> {
    let exports = module.exports.iter().filter_map(|export| match export.item {
        ExportItem::Function(function) => Some(function),
        _ => None,
    });
    let mut waiting: Vec<FunctionId> = exports.chain(module.start).collect();
    let mut live = HashSet::new();
    let mut called_by_type = HashSet::new();
    while let Some(function) = waiting.pop() {
        if !live.insert(function) {
            continue;
        }
        let FunctionKind::Local(body) = &module.funcs.get(function).kind else { continue };
        let mut calls = Calls::default();
        dfs_in_order(&mut calls, body, body.entry_block());
        waiting.append(&mut calls.functions);
        for wanted in calls.types {
            if called_by_type.insert(wanted) {
                let wanted = module.types.get(wanted);
                waiting.extend(table.iter().filter(|entry| module.types.get(module.funcs.get(**entry).ty()) == wanted));
            }
        }
    }
    live
}

#[derive(Default)]
struct Calls {
    functions: Vec<FunctionId>,
    /// Of calls through a table.
    types: Vec<TypeId>,
}

impl<'a> Visitor<'a> for Calls {
    fn visit_call(&mut self, call: &Call) {
        self.functions.push(call.func);
    }

    fn visit_return_call(&mut self, call: &ReturnCall) {
        self.functions.push(call.func);
    }

    fn visit_ref_func(&mut self, reference: &RefFunc) {
        self.functions.push(reference.func);
    }

    fn visit_call_indirect(&mut self, call: &CallIndirect) {
        self.types.push(call.ty);
    }

    fn visit_return_call_indirect(&mut self, call: &ReturnCallIndirect) {
        self.types.push(call.ty);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use walrus::{ConstExpr, ElementKind, RefType, ValType, ir::Value};

    /// A module with a table of three functions, of which an export calls those of type `() -> i32`.
    #[test]
    fn only_what_can_be_called_stays_in_the_table() {
        let mut module = Module::default();
        let table = module.tables.add_local(false, 3, Some(3), RefType::FUNCREF);
        let number = |module: &mut Module, n: i32| {
            let mut builder = FunctionBuilder::new(&mut module.types, &[], &[ValType::I32]);
            builder.func_body().i32_const(n);
            builder.finish(Vec::new(), &mut module.funcs)
        };
        let (one, two) = (number(&mut module, 1), number(&mut module, 2));
        let argument = module.locals.add(ValType::I64);
        let mut builder = FunctionBuilder::new(&mut module.types, &[ValType::I64], &[]);
        builder.func_body().unreachable();
        let dead = builder.finish(vec![argument], &mut module.funcs);
        let wanted = module.types.add(&[], &[ValType::I32]);
        let mut builder = FunctionBuilder::new(&mut module.types, &[], &[ValType::I32]);
        builder.func_body().i32_const(0).call_indirect(wanted, table);
        let caller = builder.finish(Vec::new(), &mut module.funcs);
        module.exports.add("caller", caller);
        let kind = ElementKind::Active { table, offset: ConstExpr::Value(Value::I32(0)) };
        let segment = module.elements.add(kind, ElementItems::Functions(vec![one, dead, two]));
        module.tables.get_mut(table).elem_segments.insert(segment);

        super::table(&mut module);
        let kept = match &module.elements.get(segment).items {
            ElementItems::Functions(kept) => kept.as_slice(),
            ElementItems::Expressions(..) => &[],
        };
        assert!(matches!(kept, [first, trap, last] if (*first, *last) == (one, two) && *trap != dead));
    }

    #[test]
    fn a_table_that_the_page_holds_is_left_alone() {
        let mut module = Module::default();
        let table = module.tables.add_local(false, 1, Some(1), RefType::FUNCREF);
        let mut builder = FunctionBuilder::new(&mut module.types, &[], &[]);
        builder.func_body().unreachable();
        let function = builder.finish(Vec::new(), &mut module.funcs);
        let kind = ElementKind::Active { table, offset: ConstExpr::Value(Value::I32(0)) };
        let segment = module.elements.add(kind, ElementItems::Functions(vec![function]));
        module.tables.get_mut(table).elem_segments.insert(segment);
        module.exports.add("table", table);

        super::table(&mut module);
        assert!(matches!(&module.elements.get(segment).items, ElementItems::Functions(kept) if kept == &[function]));
    }
}
