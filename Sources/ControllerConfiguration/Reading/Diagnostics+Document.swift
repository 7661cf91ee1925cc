import Yams

extension Diagnostics {
    /// The top of a YAML text; nil, and a mistake noted, if it is not YAML. An empty text is an empty mapping.
    func document(_ text: String) -> NodeReader? {
        do {
            // Without rules every plain word is text: what it means is decided by the setting that it is given to.
            let node = try Parser(yaml: text, resolver: .basic, encoding: .utf8).singleRoot() ?? Node([(Node, Node)]())
            return NodeReader(node: node, setting: "", line: node.mark?.line, diagnostics: self)
        } catch let error as YamlError {
            report(error, in: text)
        } catch {
            report(nil, "not valid YAML: \(error)", "correct it")
        }
        return nil
    }

    private func report(_ error: YamlError, in text: String) {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let words = [context?.text, problem].compactMap { $0 }.joined(separator: ": ")
            report(
                mark.line, "not valid YAML: \(words)",
                "check the indentation (spaces, no tabs), colons, brackets and quotes here and on the line before")
        case .reader(let problem, let offset, _, _):
            let line = offset.map { text.prefix($0).count { $0.isNewline } + 1 }
            report(
                line, "not valid YAML: \(problem)", "remove the character, or write it as an escape in double quotes")
        case .duplicatedKeysInMapping(let keys, let context):
            for key in keys { reportDuplicate(key, near: context.mark, in: text) }
        default:
            report(nil, "not valid YAML: \(error)", "correct it")
        }
    }

    private func reportDuplicate(_ key: String, near mark: Mark, in text: String) {
        let places = BlockMapping(around: mark, in: text).lines(of: key)
        if let place = places.first, let other = places.dropFirst().first {
            report(other, "the key '\(key)' is given a second time; the first is on line \(place)", "keep one of them")
        } else {
            report(mark.line, "the key '\(key)' is given twice", "keep one of them")
        }
    }
}
