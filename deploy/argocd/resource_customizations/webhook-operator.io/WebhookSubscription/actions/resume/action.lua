-- Not removed: a repository that says `false` would then differ, and one that does not name it differs neither way.
obj.spec.suspend = false
return obj
