-- Asks the operator to compare with the provider now. Any new value does.
local os = require("os")
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["webhook-operator.io/reconcile-requested-at"] = os.date("!%Y-%m-%dT%XZ")
return obj
