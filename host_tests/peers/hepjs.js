// hep-js by lines of JSON: node hepjs.js PATH-OF-MODULE < lines > lines
// {"encode": {"payload": ..., "rcinfo": {...}}} -> hex; {"decode": hex} -> what it read
const hep = require(process.argv[2]);
const lines = require("fs").readFileSync(0, "utf8").split("\n").filter((line) => line);
for (const line of lines) {
  const task = JSON.parse(line);
  const result = task.encode
    ? hep.encapsulate(task.encode.payload, task.encode.rcinfo).toString("hex")
    : hep.decapsulate(Buffer.from(task.decode, "hex"));
  console.log(JSON.stringify(result === undefined ? null : result));
}
