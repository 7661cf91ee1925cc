/// Makes sure that no two models answer to one name.
struct ModelNames {
    private var owners: [String: (model: String, line: Int?)] = [:]

    /// Notes a name of a model, and the mistake if it cannot be one or is taken.
    ///
    /// - Returns: whether the name is good.
    mutating func add(_ name: String, of model: String, at reader: NodeReader) -> Bool {
        if let (problem, remedy) = Self.problem(with: name) {
            reader.refuse(problem, remedy)
            return false
        }
        if let owner = owners[name] {
            let place = owner.line.map { " on line \($0)" } ?? ""
            reader.refuse(
                "the name '\(name)' is given a second time; the first is model '\(owner.model)'\(place)",
                "give every model names of its own")
            return false
        }
        owners[name] = (model, reader.line)
        return true
    }

    /// Why the text cannot be a name, and what could; nil: it can.
    static func problem(with name: String) -> (problem: String, remedy: String)? {
        if name.isEmpty { return ("a model's name is empty", "use letters, digits and . _ : / -") }
        if name.wholeMatch(of: /[A-Za-z0-9._:\/-]+/) == nil {
            return ("'\(name)' cannot be the name of a model", "use letters, digits and . _ : / -")
        }
        guard name.wholeMatch(of: /e-[0-9]+/) != nil else { return nil }
        return ("'\(name)' looks like the id of an engine", "use another name")
    }
}
