/// A mapping whose keys are all known beforehand.
struct Section<Key: RawRepresentable<String> & CaseIterable & Hashable> {
    let values: [Key: NodeReader]

    /// Nil where the key is absent or has no value: both mean the default.
    subscript(_ key: Key) -> NodeReader? {
        values[key].flatMap { $0.isNull ? nil : $0 }
    }
}

extension NodeReader {
    /// Reads a mapping of known keys, and notes unknown ones with the nearest known one.
    func section<Key>(_: Key.Type) -> Section<Key>? {
        guard let entries = entries() else { return nil }
        var values: [Key: NodeReader] = [:]
        for (key, value) in entries {
            if let known = Key(rawValue: key) {
                values[known] = value
            } else {
                value.refuseUnknown(key, known: Key.allCases.map(\.rawValue))
            }
        }
        return Section(values: values)
    }

    private func refuseUnknown(_ key: String, known: [String]) {
        if let near = NearestWord.find(key, in: known) {
            refuse("unknown key '\(key)'", "did you mean '\(near)'?")
        } else {
            refuse("unknown key '\(key)'", "the keys here are \(known.sorted().joined(separator: ", "))")
        }
    }
}
