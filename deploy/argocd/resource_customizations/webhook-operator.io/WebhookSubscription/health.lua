-- Healthy is what the provider holds as specified. The state of deliveries does not count, as it depends on the
-- receiver; what fails is in the message.
local health = { status = "Progressing", message = "the operator has not looked at it yet" }

if obj.spec ~= nil and obj.spec.suspend == true then
  health.status = "Suspended"
  health.message = "spec.suspend is true: nothing is sent for this object"
  return health
end
if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return health
end

local found = {}
for _, condition in ipairs(obj.status.conditions or {}) do
  found[condition.type] = condition
end
local ready = found["Ready"]
if ready == nil then
  return health
end
health.message = ready.message or ready.reason

if found["Stalled"] ~= nil and found["Stalled"].status == "True" then
  health.status = "Degraded"
  return health
end
if found["Reconciling"] ~= nil and found["Reconciling"].status == "True" then
  return health
end
-- A condition that is left over from an earlier generation says nothing about this one.
if ready.observedGeneration ~= obj.metadata.generation then
  return health
end

if ready.status == "True" then
  health.status = "Healthy"
  local delivery = found["DeliveryHealthy"]
  if delivery ~= nil and delivery.status == "False" then
    health.message = health.message .. "; " .. delivery.message
  end
elseif ready.status == "False" then
  health.status = "Degraded"
end
return health
