// Evaluates rules with json-logic-js. Standard input: {rules, rows} as JSON; output: for each rule its results.
//
// Where something is absent or a divisor is 0, four pairs and single operators differ from it on purpose, as docs/rules.md
// says; elsewhere its own run. startsWith and endsWith are no part of JSONLogic.
const path = process.argv[2];
const original = require(path);
delete require.cache[require.resolve(path)];
const jsonLogic = require(path);

const zero = (value) => (value === null || value === undefined ? 0 : value);
const own = (name, values) => original.apply({ [name]: values });

for (const name of ["+", "*"]) {
  jsonLogic.add_operation(name, (...values) => own(name, values.map(zero)));
}
for (const name of ["/", "%"]) {
  jsonLogic.add_operation(name, (a, b) => (zero(b) === 0 ? null : own(name, [zero(a), zero(b)])));
}
jsonLogic.add_operation("substr", (text, ...cut) => (text === null ? null : own("substr", [text, ...cut])));
jsonLogic.add_operation("startsWith", (text, part) => text !== null && text.startsWith(part));
jsonLogic.add_operation("endsWith", (text, part) => text !== null && text.endsWith(part));

const { rules, rows } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const results = rules.map((rule) => rows.map((row) => jsonLogic.apply(rule, row)));
process.stdout.write(JSON.stringify(results));
