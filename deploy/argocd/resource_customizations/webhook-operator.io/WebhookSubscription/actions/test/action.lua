-- Asks the provider for a test event, once for each new value. status.lastTest says what became of it.
local os = require("os")
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["webhook-operator.io/test-requested-at"] = os.date("!%Y-%m-%dT%XZ")
return obj
