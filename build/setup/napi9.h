// Node-API 9 keeps references to objects only, better-sqlite3 keeps references to strings, which came with 10. Here a string is kept
// as the one element of an object that is referred to. Included ahead of its sources by build/setup/sqlite.mjs.
#pragma once
#include <napi.h>

namespace Napi {

template <>
class Reference<String> {
 public:
  Reference() = default;

  static Reference<String> New(const String& value, uint32_t count = 0) {
    Object holder = Object::New(value.Env());
    holder.Set(uint32_t{0}, value);
    Reference<String> reference;
    reference.holder_ = ObjectReference::New(holder, count);
    return reference;
  }

  String Value() const { return holder_.Value().Get(uint32_t{0}).As<String>(); }

 private:
  ObjectReference holder_;
};

}  // namespace Napi
