package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"
	lua "github.com/yuin/gopher-lua"
)

// The time in a script, so that what it writes can be compared.
const now = "2026-01-01T00:00:00Z"

// evaluate runs a script with the object in global `obj`, and decodes what it returns.
//
// As in Argo CD's util/lua: no library but package, base, table and time and date of os; a second of time.
func evaluate(script string, object object, into any) error {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	libraries := []struct {
		name string
		open lua.LGFunction
	}{
		{lua.LoadLibName, lua.OpenPackage},
		{lua.BaseLibName, lua.OpenBase},
		{lua.TabLibName, lua.OpenTable},
		{lua.OsLibName, openClock},
	}
	for _, library := range libraries {
		call := lua.P{Fn: state.NewFunction(library.open), Protect: true}
		if err := state.CallByParam(call, lua.LString(library.name)); err != nil {
			return err
		}
	}
	state.PreloadModule(lua.OsLibName, openClock)
	deadline, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	state.SetContext(deadline)
	state.SetGlobal("obj", toLua(state, object.Object))
	if err := state.DoString(script); err != nil {
		return err
	}
	returned := state.Get(-1)
	if returned.Type() != lua.LTTable {
		return fmt.Errorf("the script returned no table but a %s", returned.Type())
	}
	value, err := fromLua(returned)
	if err != nil {
		return err
	}
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// openClock is the part of `os` that scripts may use, at a fixed time.
func openClock(state *lua.LState) int {
	functions := map[string]lua.LGFunction{
		"date": func(state *lua.LState) int {
			if format := state.OptString(1, ""); format != "!%Y-%m-%dT%XZ" {
				state.ArgError(1, "not the format that this clock knows")
			}
			state.Push(lua.LString(now))
			return 1
		},
	}
	state.Push(state.RegisterModule(lua.OsLibName, functions))
	return 1
}

func toLua(state *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case bool:
		return lua.LBool(value)
	case string:
		return lua.LString(value)
	case int64:
		return lua.LNumber(value)
	case float64:
		return lua.LNumber(value)
	case []any:
		table := state.CreateTable(len(value), 0)
		for _, item := range value {
			table.Append(toLua(state, item))
		}
		return table
	case map[string]any:
		table := state.CreateTable(0, len(value))
		for name, item := range value {
			table.RawSetString(name, toLua(state, item))
		}
		return table
	}
	return lua.LNil
}

// fromLua is the way back; an empty table is an empty list, since Lua knows no difference.
func fromLua(value lua.LValue) (any, error) {
	switch value := value.(type) {
	case *lua.LNilType:
		return nil, nil
	case lua.LBool:
		return bool(value), nil
	case lua.LString:
		return string(value), nil
	case lua.LNumber:
		if number := float64(value); number == math.Trunc(number) {
			return int64(number), nil
		}
		return float64(value), nil
	case *lua.LTable:
		return fromTable(value)
	}
	return nil, fmt.Errorf("a %s has no place in JSON", value.Type())
}

func fromTable(table *lua.LTable) (any, error) {
	list := []any{}
	for index := 1; index <= table.Len(); index++ {
		item, err := fromLua(table.RawGetInt(index))
		if err != nil {
			return nil, err
		}
		list = append(list, item)
	}
	members := map[string]any{}
	var failed error
	table.ForEach(func(key, value lua.LValue) {
		name, isName := key.(lua.LString)
		if !isName {
			return
		}
		item, err := fromLua(value)
		if err != nil {
			failed = err
		}
		members[string(name)] = item
	})
	if failed != nil {
		return nil, failed
	}
	if len(members) == 0 {
		return list, nil
	}
	return members, nil
}

type offered struct {
	Name     string `json:"name"`
	Disabled bool   `json:"disabled"`
}

func actionsOf(object object, script string) (any, error) {
	found := map[string]struct {
		Disabled bool `json:"disabled"`
	}{}
	if err := evaluate(script, object, &found); err != nil {
		return nil, err
	}
	actions := []offered{}
	for name, action := range found {
		actions = append(actions, offered{name, action.Disabled})
	}
	return actions, nil
}

func actOn(object object, script string) (any, error) {
	changed := map[string]any{}
	if err := evaluate(script, object, &changed); err != nil {
		return nil, err
	}
	restoreEmpty(changed, object.Object)
	before, err := json.Marshal(object.Object)
	if err != nil {
		return nil, err
	}
	after, err := json.Marshal(changed)
	if err != nil {
		return nil, err
	}
	patch, err := jsonpatch.CreateMergePatch(before, after)
	if err != nil {
		return nil, err
	}
	return map[string]json.RawMessage{"object": after, "patch": patch}, nil
}

// restoreEmpty makes empty lists empty maps again where they were; Argo CD does the same.
func restoreEmpty(after, before map[string]any) {
	for name, old := range before {
		was, isMap := old.(map[string]any)
		if !isMap {
			continue
		}
		switch value := after[name].(type) {
		case map[string]any:
			restoreEmpty(value, was)
		case []any:
			if len(value) == 0 && len(was) == 0 {
				after[name] = was
			}
		}
	}
}
