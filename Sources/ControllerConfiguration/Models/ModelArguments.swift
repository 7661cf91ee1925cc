/// A model's `arguments`: what its server takes, by names with dashes.
struct ModelArguments {
    static let kvCacheKey = "kv-cache-memory-bytes"
    private static let trustKey = "trust-remote-code"
    private static let mostValues = 10_000

    private(set) var values: [String: ConfigurationValue] = [:]
    private var lines: [String: Int] = [:]
    private var budget = mostValues

    init(_ entries: [(key: String, value: NodeReader)], allowsRemoteCode: Bool) {
        for (written, value) in entries {
            let key = written.replacing("_", with: "-")
            guard isGood(key, written: written, value: value) else { continue }
            if key == Self.kvCacheKey {
                values[key] = value.isNull ? nil : value.size().map(ConfigurationValue.integer)
                continue
            }
            let argument = value.value(budget: &budget)
            if key == Self.trustKey, !allowsRemoteCode, argument != .bool(false), argument != .null {
                value.refuse(
                    "\(value.setting) would let the model's own code run",
                    "leave it out, or set 'allow_trust_remote_code: true' at the top of the file if you trust all "
                        + "models that ask for it")
            }
            values[key] = argument
        }
    }

    private mutating func isGood(_ key: String, written: String, value: NodeReader) -> Bool {
        guard key.wholeMatch(of: /[A-Za-z0-9][A-Za-z0-9.-]*/) != nil else {
            value.refuse(
                "'\(written)' cannot be the name of an argument",
                "write the server's argument without the dashes in front, as in max-model-len")
            return false
        }
        if let first = lines[key] {
            value.refuse(
                "the argument '\(key)' is given a second time; the first is on line \(first)", "keep one of them")
            return false
        }
        lines[key] = value.line
        if let remedy = OwnedArguments.remedy(for: key) {
            value.refuse("the argument '\(written)' is decided by the controller", remedy)
            return false
        }
        return true
    }
}
