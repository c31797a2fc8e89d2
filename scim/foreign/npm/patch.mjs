// Judges PATCH bodies with scim-patch: reads one a line, answers each with
// "ok" or with what is wrong with it.
import { createInterface } from "node:readline";
import { patchBodyValidation } from "scim-patch";

for await (const line of createInterface({ input: process.stdin })) {
    try {
        patchBodyValidation(JSON.parse(line));
        console.log("ok");
    } catch (problem) {
        console.log(String(problem.message ?? problem).replaceAll("\n", " "));
    }
}
