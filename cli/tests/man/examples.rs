//! The examples of a page, as a reader types them.

/// The `ehl` commands of the section EXAMPLES, as a shell would split them.
pub(super) fn commands(page: &str) -> Vec<Vec<String>> {
    lines(page).iter().filter_map(|line| ehl_command(line)).collect()
}

/// The lines of the examples, as a reader of the page sees them.
pub(super) fn lines(page: &str) -> Vec<String> {
    let (_, rest) = page.split_once(".SH EXAMPLES\n").expect("a section EXAMPLES");
    let section = rest.split("\n.SH ").next().unwrap_or(rest);
    let blocks = section.split(".EX\n").skip(1);
    let roff = blocks.flat_map(|block| block.lines().take_while(|line| *line != ".EE"));
    roff.map(|line| line.replace("\\-", "-").replace("\\(aq", "'")).collect()
}

/// The words from `ehl` to the next operator; none on a line that continues another command.
fn ehl_command(line: &str) -> Option<Vec<String>> {
    let operators = ["|", "||", ">", "&", ";"];
    let words = words(line).into_iter().skip_while(|word| word != "ehl");
    let command: Vec<_> = words.take_while(|word| !operators.contains(&word.as_str())).collect();
    (!command.is_empty()).then_some(command)
}

/// Quoted text is one word; `;` is a word of its own.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (i, part) in line.split('\'').enumerate() {
        if i % 2 == 1 {
            words.push(part.to_owned());
        } else {
            let part = part.replace(';', " ; ");
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}
