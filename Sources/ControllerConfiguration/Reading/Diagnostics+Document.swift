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
            let first = context.mark
            for key in keys {
                reportDuplicate(key, first: first, in: text)
            }
        default:
            report(nil, "not valid YAML: \(error)", "correct it")
        }
    }

    /// Yams tells only the first place of the first key. In block style the second is found by its column: the same
    /// key, at the same column, before anything that stands further to the left.
    private func reportDuplicate(_ key: String, first: Mark, in text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let column = first.column - 1
        func holdsKey(_ line: Substring) -> Bool {
            let rest = line.dropFirst(column)
            return [key, "'\(key)'", "\"\(key)\""].contains { spelling in
                rest.hasPrefix(spelling) && rest.dropFirst(spelling.count).drop { $0 == " " }.first == ":"
            }
        }
        var places: [Int] = []
        for (index, line) in lines.enumerated().dropFirst(first.line - 1) {
            let indentation = line.prefix { $0 == " " }.count
            guard indentation < line.count, line.dropFirst(indentation).first != "#" else { continue }
            if index >= first.line, indentation < column { break }
            if holdsKey(line), index + 1 == first.line || indentation == column { places.append(index + 1) }
        }
        if let place = places.first, let other = places.dropFirst().first {
            report(other, "the key '\(key)' is given a second time; the first is on line \(place)", "keep one of them")
        } else {
            report(first.line, "the key '\(key)' is given twice", "keep one of them")
        }
    }
}
