// A SCIM server made of SCIMMY with a store in memory, for tests.
// Prints its port, and ends when its standard input does.
import { randomUUID } from "node:crypto";
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

const token = process.argv[2];
const users = new Map(), groups = new Map();

const refuse = (status, type, detail) => { throw new SCIMMY.Types.Error(status, type, detail); };

// A plain copy: SCIMMY's instances guard their properties.
const plain = (value) => JSON.parse(JSON.stringify(value));

function store(map, unique, show) {
    return {
        write(resource, data) {
            const id = resource.id ?? randomUUID();
            if (resource.id && !map.has(id)) refuse(404, null, `Resource ${id} not found`);
            const name = String(data[unique]).toLowerCase();
            for (const other of map.values()) {
                if (other.id !== id && other[unique].toLowerCase() === name) refuse(409, "uniqueness", `${unique} is taken`);
            }
            const created = map.get(id)?.meta.created ?? new Date().toISOString();
            map.set(id, { ...plain(data), id, meta: { created, lastModified: new Date().toISOString() } });
            return show(map.get(id));
        },
        read(resource) {
            if (!resource.id) {
                const all = [...map.values()].map(show);
                return resource.filter ? resource.filter.match(all) : all;
            }
            if (!map.has(resource.id)) refuse(404, null, `Resource ${resource.id} not found`);
            return show(map.get(resource.id));
        },
        remove(resource) {
            if (!map.delete(resource.id)) refuse(404, null, `Resource ${resource.id} not found`);
        },
    };
}

const membersOf = (group) => group.members ?? [];
const people = store(users, "userName", (user) => ({
    ...user,
    groups: [...groups.values()].filter((g) => membersOf(g).some((m) => m.value === user.id)).map((g) => ({ value: g.id, type: "direct" })),
}));
// SCIMMY's filters fail on a group without members.
const teams = store(groups, "displayName", (group) => ({ ...group, members: membersOf(group) }));

SCIMMY.Resources.declare(SCIMMY.Resources.User.extend(SCIMMY.Schemas.EnterpriseUser, false))
    .ingress((resource, data) => people.write(resource, data))
    .egress((resource) => people.read(resource))
    .degress((resource) => {
        people.remove(resource);
        for (const g of groups.values()) g.members = membersOf(g).filter((m) => m.value !== resource.id);
    });
SCIMMY.Resources.declare(SCIMMY.Resources.Group)
    .ingress((resource, data) => teams.write(resource, data))
    .egress((resource) => teams.read(resource))
    .degress((resource) => teams.remove(resource));

const app = express();
app.use("/scim/v2", new SCIMMYRouters({
    type: "bearer",
    handler: (request) => {
        if (request.header("Authorization") !== `Bearer ${token}`) throw new Error("wrong token");
        return "tester";
    },
}));
const listener = app.listen(0, "127.0.0.1", () => console.log(listener.address().port));
process.stdin.on("end", () => process.exit(0)).resume();
