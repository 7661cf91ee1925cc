extension NodeReader {
    /// Environment variables, their values as written.
    func environment() -> [String: String] {
        var environment: [String: String] = [:]
        for (name, value) in entries() ?? [] {
            if name.isEmpty || name.contains(where: { $0 == "=" || $0 == "\0" }) {
                value.refuse(
                    "'\(name)' cannot be the name of an environment variable", "use letters, digits and underscores")
            } else if let text = value.text(mayBeEmpty: true) {
                environment[name] = text
            }
        }
        return environment
    }
}
