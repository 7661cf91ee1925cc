import Yams

extension NodeReader {
    /// The keys and values of a mapping, in the file's order. A null is an empty mapping.
    func entries() -> [(key: String, value: NodeReader)]? {
        if isNull { return [] }
        guard case .mapping(let mapping) = node else {
            refuse(expected: "a mapping: 'key: value' lines, further to the right than the line above")
            return nil
        }
        return mapping.compactMap { keyNode, valueNode in
            let line = keyNode.mark?.line ?? line
            guard let key = keyNode.scalar?.string else {
                diagnostics.report(line, "a key in \(name) is not a word", "write 'key: value'")
                return nil
            }
            if key == "<<" {
                diagnostics.report(
                    line, "merge keys ('<<') are not understood",
                    "write the settings out, or use an alias (*name) for a whole value")
                return nil
            }
            let child = NodeReader(
                node: valueNode, setting: setting.isEmpty ? key : "\(setting).\(key)", line: line,
                diagnostics: diagnostics)
            return (key, child)
        }
    }

    /// The elements of a list.
    func list(of content: String) -> [NodeReader]? {
        guard case .sequence(let sequence) = node else {
            refuse(expected: "a list of \(content) in square brackets")
            return nil
        }
        return sequence.enumerated().map { index, element in
            NodeReader(
                node: element, setting: "\(setting)[\(index)]", line: element.mark?.line ?? line,
                diagnostics: diagnostics)
        }
    }
}
