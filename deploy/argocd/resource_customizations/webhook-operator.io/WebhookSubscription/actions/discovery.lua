local suspended = obj.spec.suspend == true
local going = obj.metadata.deletionTimestamp ~= nil

local actions = {}
actions["reconcile"] = { ["disabled"] = suspended or going }
actions["suspend"] = { ["disabled"] = suspended or going }
actions["resume"] = { ["disabled"] = not suspended or going }
actions["test"] = { ["disabled"] = suspended or going }
return actions
