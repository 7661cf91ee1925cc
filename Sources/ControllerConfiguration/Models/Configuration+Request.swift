import Yams

extension Configuration {
    /// What this file would have made of a model with these settings and arguments.
    ///
    /// - Parameter name: what it is to be called. Whether another model has that name is not asked.
    public func model(_ name: String, from request: ModelRequest) throws(ModelRequestError) -> ModelConfiguration {
        let diagnostics = Diagnostics(file: file)
        // A body has no lines: mistakes are told apart by their field's place among the fields.
        var fields: [String] = []
        func reader(_ field: String, _ value: ConfigurationValue, _ style: Node.Scalar.Style) -> NodeReader {
            fields.append(field)
            return NodeReader(node: value.node(style), setting: field, line: fields.count, diagnostics: diagnostics)
        }
        var names = ModelNames()
        _ = names.add(name, of: name, at: reader("engine_uuid", .string(name), .doubleQuoted))
        var values = [ModelConfiguration.Key.path: reader("model", .string(request.model), .doubleQuoted)]
        for (key, value) in request.settings.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            values[key] = reader(key.rawValue, value, .plain)
        }
        let arguments = request.arguments.sorted { $0.key < $1.key }.map { name, value in
            let value = reader(name.replacing("-", with: "_"), value, .doubleQuoted)
            if !allowTrustRemoteCode { CodeArguments.check(name, value) }
            return (key: name, value: value)
        }
        let model = ModelConfiguration(
            Section(values: values),
            of: NodeReader(node: Node(""), setting: "the body", line: nil, diagnostics: diagnostics),
            name: name, arguments: arguments, names: &names,
            context: ModelContext(
                paths: PathResolver(file: file), runtimes: runtimes.map(\.name),
                allowsRemoteCode: allowTrustRemoteCode))
        guard let model, diagnostics.isEmpty else {
            let mistakes = diagnostics.failure.errors
            throw .mistaken(
                mistakes.map { "\($0.problem); \($0.remedy)" }.joined(separator: ". "),
                field: mistakes.lazy.compactMap(\.line).first.map { fields[$0 - 1] })
        }
        return model
    }

    /// Whether requests can use the text as a name: that of a model, but of no engine.
    public static func isName(_ text: String) -> Bool { ModelNames.problem(with: text) == nil }
}
